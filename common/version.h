/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VERSION_H
#define VERSION_H

#define TWINBOOT_LOADER_NAME "twinboot 0.1"

#endif
