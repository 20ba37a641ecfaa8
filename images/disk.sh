#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# disk.sh IMAGE BOOTX64.EFI LEGACY.BIN COMPOSE
#
# Makes a disk image that boots on both firmwares: an MBR with one active entry (legacy BIOSes ignore a stick
# without) of type EFh, which holds a FAT32 file system (a FAT16 one is ignored by some UEFI firmware) with
# EFI/BOOT/BOOTX64.EFI; COMPOSE adds the BIOS side. No root, no loop device; the same bytes every time.
set -eu
image=$1 efi=$2 legacy=$3 compose=$4

export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}" TZ=UTC
serial=7477696e # "twin": volume serial number and disk identifier
sector=512
start=2048 # 1 MiB, where partitioning tools start

# FAT32 begins at 65525 clusters (EDK2 refuses fewer). With clusters of one sector that is 34 MiB, mostly holes.
# Four bytes a cluster in each of two FATs; 128 sectors for everything else.
data=$(( ($(wc -c <"$efi") + sector - 1) / sector + 128 ))
[ "$data" -ge 66000 ] || data=66000
size=$(( data + 2 * (data * 4 / sector + 1) + 64 ))
size=$(( (size + 2047) / 2048 * 2048 ))
if [ $(( size * sector )) -ge 4294967296 ]; then
	echo "disk.sh: $efi: too large for a FAT32 file; use a smaller kernel or fewer modules" >&2
	exit 1
fi

trap 'rm -f "$image.tmp"' EXIT
rm -f "$image.tmp"
truncate -s $(( (start + size) * sector )) "$image.tmp"
printf 'label: dos\nlabel-id: 0x%s\nstart=%s, size=%s, type=ef, bootable\n' $serial $start $size |
	sfdisk --quiet --no-reread --no-tell-kernel "$image.tmp" >/dev/null
esp="$image.tmp@@$(( start * sector ))"
mformat -i "$esp" -F -c 1 -T $size -h 255 -s 63 -H $start -N $serial -v TWINBOOT ::
mmd -i "$esp" ::EFI ::EFI/BOOT
mcopy -i "$esp" "$efi" ::EFI/BOOT/BOOTX64.EFI
"$compose" "$image.tmp" "$legacy"
mv "$image.tmp" "$image"
