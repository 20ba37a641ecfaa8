# SPDX-License-Identifier: BSD-2-Clause
"""Ways to break a boot: damaged images, and loaders built from sources in which the firmware has turned rude."""
