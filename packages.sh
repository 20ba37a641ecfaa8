#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# packages.sh GROUP: installs what packages.txt lists for GROUP and is not there yet, as root or through sudo; where neither
# works, prints the line to run and fails.
set -eu
cd "$(dirname "$0")"
missing=
for package in $(sed -n "s/^$1 //p" packages.txt); do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "twinboot is built with Debian's or Ubuntu's packages; install what corresponds to:$missing" >&2
	exit 1
fi
install="apt-get install -y --no-install-recommends$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
		echo "Packages are missing, and this user cannot install them. Run as root, then try again:" >&2
		echo "    apt-get update && $install" >&2
		exit 1
	fi
fi
echo "installing packages:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive $install >/dev/null || {
	echo "Installing failed. Run as root, then try again:" >&2
	echo "    apt-get update && $install" >&2
	exit 1
}
