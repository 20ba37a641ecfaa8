#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# image.sh IMAGE BOOTX64.EFI LEGACY.BIN COMPOSE BOOTIA32.EFI
#
# Makes the image: a FAT file system with EFI/BOOT/BOOTX64.EFI in it (and what 32-bit UEFI starts), and around it what COMPOSE adds. No root, no loop
# device; the same bytes every time. From the environment, see docs/images.md: TABLE=gpt, SMALL=1, SEPARATE_PAYLOAD=1,
# SECTOR=4096; and ESP_START=bytes puts the file system far out on a sparse image, for the tests.
set -eu
image=$1 efi=$2 legacy=$3 compose=$4 ia32=$5
table=${TABLE:-mbr} small=${SMALL:-} separate=${SEPARATE_PAYLOAD:-} sector=${SECTOR:-512}

fail() {
	echo "image.sh: $*" >&2
	exit 1
}
write() { "$@" || fail "$image cannot be written (see above); make room or choose another directory with OUT="; }
up() { echo $(( ($1 + $2 - 1) / $2 * $2 )); }
case $table in mbr | gpt) ;; *) fail "TABLE=$table: there are mbr and gpt" ;; esac
case $sector in 512 | 4096) ;; *) fail "SECTOR=$sector: disks have sectors of 512 or 4096 bytes" ;; esac

export MTOOLS_SKIP_CHECK=1 MTOOLSRC=/dev/null SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}" TZ=UTC
mib=1048576 efi_size=$(wc -c <"$efi") ia32_size=$(wc -c <"$ia32")
# The first MiB holds the loader's code, and the last one the manifest, with the digests of everything else: they tell
# images apart without reading all.
id=$({ head -c $mib "$efi"; tail -c $mib "$efi"; } | sha256sum | cut -c1-32)
[ "$efi_size" -lt 4294967296 ] || fail "$efi has $efi_size bytes, and FAT files end at 4 GiB; use a smaller kernel or fewer modules"

# Where things lie: docs/images.md. No partition begins below 1 MiB, and in a GPT the loader has one: it moves there. The
# ESP follows at once, and both begin and end at multiples of 64 KiB; whole MiB would cost two of them.
loader=65536 esp=$mib align=4096
[ "$table" = mbr ] || loader=$mib align=65536 esp=$(( mib + 65536 ))
esp=${ESP_START:-$esp}
copy=0
if [ -n "$separate" ]; then # not more than the file's own size, in whole MiB
	copy=$esp
	esp=$(( esp + $(up "$efi_size" $mib) ))
fi

# The file system, in sectors. FAT32 begins at 65525 clusters (EDK2 refuses fewer); with clusters of one sector that is
# 34 MiB, mostly holes. Some clusters more for directories. FAT16 ends, and FAT12 too, where the next begins: tools
# differ by a few clusters about the border, so keep away from it. The last sectors make the partition full.
efi_sectors=$(( (efi_size + sector - 1) / sector + (ia32_size + sector - 1) / sector ))
cluster=1 root=0 reserved=32
if [ -z "$small" ]; then
	kind=-F entries='' bits=32 clusters=$(( efi_sectors + 16 ))
	[ $clusters -ge 65600 ] || clusters=65600
	directories=3
else
	root=$(( 16 * 512 / sector ))
	kind='' entries="-r $root" reserved=1 directories=2 # root: 256 entries
	while clusters=$(( (efi_sectors + cluster - 1) / cluster + 5 )) && [ $clusters -gt 65300 ]; do
		cluster=$(( cluster * 2 ))
	done
	[ $(( cluster * sector )) -le 32768 ] ||
		fail "$efi has $efi_size bytes, and SMALL=1 makes file systems of up to 2 GiB; leave it out"
	bits=16
	if [ $clusters -lt 3900 ]; then
		bits=12
	elif [ $clusters -lt 4100 ]; then
		clusters=4100
	fi
fi
fat=$(( ((clusters + align / sector + 2) * bits + 8 * sector - 1) / (8 * sector) ))
# Reserved sectors, so that the file, behind its directories, begins at 4096 bytes: whole sectors of any size.
while [ $(( (reserved + 2 * fat + root + directories * cluster) * sector % 4096 )) != 0 ]; do
	reserved=$(( reserved + 1 ))
done
esp_size=$(up $(( (reserved + 2 * fat + root + clusters * cluster) * sector )) $align)
size=$(( esp + esp_size ))
[ "$table" = mbr ] || size=$(up $(( size + 33 * sector )) 4096)

trap 'rm -f "$image.tmp" "$image.esp"' EXIT
rm -f "$image.tmp" "$image.esp"
write truncate -s "$size" "$image.tmp"
dos="$image.tmp@@$esp"
if [ "$esp" -ge 1099511627776 ]; then # farther than mtools reaches
	dos="$image.esp"
	write truncate -s "$esp_size" "$dos"
fi
code=$(( sector == 4096 ? 5 : 2 )) # mformat's: 128 << code bytes
# shellcheck disable=SC2086
write mformat -i "$dos" $kind -S $code -c $cluster -R $reserved -L $fat $entries -T $(( esp_size / sector )) -h 255 -s 63 \
	-H $(( esp / sector < 4294967296 ? esp / sector : 0 )) -N "$(echo "$id" | cut -c1-8)" -v TWINBOOT ::
write mmd -i "$dos" ::EFI ::EFI/BOOT
write mcopy -i "$dos" "$efi" ::EFI/BOOT/BOOTX64.EFI
write mcopy -i "$dos" "$ia32" ::EFI/BOOT/BOOTIA32.EFI # behind the other, which must begin where it does
[ ! -e "$image.esp" ] || dd if="$image.esp" of="$image.tmp" bs=4096 seek=$(( esp / 4096 )) conv=notrunc,sparse status=none
set -- --sector "$sector" --loader "$loader" --esp "$esp" --esp-size "$esp_size" --id "$id"
[ "$table" = mbr ] || set -- "$@" --gpt
[ "$copy" = 0 ] || set -- "$@" --copy "$copy"
"$compose" "$@" "$image.tmp" "$legacy"
mv "$image.tmp" "$image"
