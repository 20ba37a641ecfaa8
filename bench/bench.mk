# SPDX-License-Identifier: BSD-2-Clause
# What `make bench` measures and how large things are: included by the Makefile. docs/performance.md has the method.
# The stem of each image is its payload in MiB.

BENCH := $(OUT)/bench
BENCH_WORK := $(BENCH)/work

DEPS_BENCH := $(OUT)/.packages-bench
$(DEPS_BENCH): packages.txt $(DEPS_BUILD)
	@./packages.sh bench
	@touch $@

.PHONY: bench size
bench: | $(DEPS_BENCH) ## count what a boot costs, against floors and peers (QUICK=1: one size)
	$(PYTHON) bench/bench.py --out $(OUT) $(if $(filter-out 0,$(QUICK)),--quick)
size: $(OUT)/legacy.elf $(OUT)/BOOTX64.EFI ## where the loaders' bytes are, and how many are left
	@$(PYTHON) bench/size.py --out $(OUT)

# Large, and asked for by name one after the other: not to be made twice.
.PRECIOUS: $(BENCH)/random-% $(BENCH)/payload-%.o $(BENCH)/payload32-%.o $(BENCH)/kernel-%.elf $(BENCH)/multiboot-%.elf

# ---- Payloads and kernels ------------------------------------------------------------------------------------------

# Incompressible and the same every time.
$(BENCH)/random-%: bench/payload.py
	@mkdir -p $(@D)
	$(call say,RANDOM,$@)$(PYTHON) bench/payload.py $* $@

$(BENCH)/payload-%.o: bench/payload.S $(BENCH)/random-%
	$(call say,AS,$@)$(CC) -c -DPAYLOAD='"$(BENCH)/random-$*"' -o $@ $<

$(BENCH)/payload32-%.o: bench/payload.S $(BENCH)/random-%
	$(call say,AS,$@)$(CC) -m32 -c -DPAYLOAD='"$(BENCH)/random-$*"' -o $@ $<

$(BENCH)/kernel-%.elf: $(OUT)/kernel/bench/kernel.c.o $(BENCH)/payload-%.o linker/kernel.ld
	$(call say,LD,$@)$(KERNEL_LINK)

# The same kernel with every CPU started.
$(BENCH)/kernel-cpus.o: bench/kernel.c bench/report.h include/twinboot.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(KERNEL_FLAGS) -DNEEDS=0 -c -o $@ $<
$(BENCH)/kernel-cpus.elf: $(BENCH)/kernel-cpus.o $(BENCH)/payload-1.o linker/kernel.ld
	$(call say,LD,$@)$(KERNEL_LINK)

$(BENCH)/multiboot-%.elf: bench/multiboot.S bench/report.h $(BENCH)/payload32-%.o
	@$(CC) -m32 -c -o $@.o $<
	$(call say,LD,$@)$(LD) -m elf_i386 -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none \
		-Ttext-segment=0x200000 -o $@ $@.o $(BENCH)/payload32-$*.o

# ---- twinboot, and the floor of its UEFI door ----------------------------------------------------------------------

# Both are made in a place of their own, where only the payload changes from one size to the next.
in_work = $(MAKE) -s --no-print-directory OUT=$(BENCH_WORK) KERNEL=$(abspath $(1)) CMDLINE= MODULES= LOG=0 MAX_IMAGE_MIB=2048
$(BENCH)/twinboot-%.img: $(BENCH)/kernel-%.elf FORCE
	@+$(call in_work,$<)
	@cp --sparse=always $(BENCH_WORK)/twinboot.img $@
$(BENCH)/floor-uefi-%.img: $(BENCH)/kernel-%.elf FORCE
	@+$(call in_work,$<) $(BENCH_WORK)/floor.img
	@cp --sparse=always $(BENCH_WORK)/floor.img $@
$(BENCH)/alone-uefi.img: $(BENCH)/kernel-0.elf FORCE
	@+$(call in_work,$<) $(BENCH_WORK)/alone.img
	@cp --sparse=always $(BENCH_WORK)/alone.img $@

$(OUT)/efi/alone.o: bench/floor/efi.c bench/report.h
	@mkdir -p $(@D)
	$(call say,CC efi,$<)$(CC) $(EFI_FLAGS) -DSTOP_AT_ONCE -c -o $@ $<
$(OUT)/floor.so: $(OUT)/efi/bench/floor/efi.c.o
$(OUT)/alone.so: $(OUT)/efi/alone.o
# With core and by the same linker script, so that sections and sizes are twinboot's own but for a few pages; own_sums.c.o is
# where finish puts its checksums.
$(OUT)/floor.so $(OUT)/alone.so: $(OUT)/core.o $(OUT)/efi/efi/own_sums.c.o $(OUT)/libkernel_bin.a linker/efi.ld
	$(call say,LD,$@)$(LD) -m elf_x86_64 -nostdlib -shared -Bsymbolic --no-undefined -z noexecstack -z max-page-size=4096 \
		--hash-style=sysv --build-id=none -u _kernel_start_addr -T linker/efi.ld -o $@ /usr/lib/crt0-efi-x86_64.o \
		$(filter %.o,$^) $(OUT)/libkernel_bin.a /usr/lib/libgnuefi.a
$(OUT)/floor.EFI $(OUT)/alone.EFI: %.EFI: %.so $(OUT)/twinboot $(OUT)/manifest.bin
	$(call say,OBJCOPY,$@)$(OBJCOPY) -j .text -j .rodata -j .reloc -j .data -j .kernel --target efi-app-x86_64 \
		--subsystem=10 --section-alignment 4096 --file-alignment 4096 $< $@.unfinished
	@$(OUT)/twinboot step finish $@.unfinished $@.finished
	@$(OUT)/twinboot step sections $@.finished $(OUT)/manifest.bin $(OUT) $@
$(OUT)/floor.img $(OUT)/alone.img: %.img: %.EFI $(OUT)/legacy.bin $(PARTS)/BOOTIA32.EFI $(OUT)/twinboot
	$(call say,IMAGE,$@)$(OUT)/twinboot step compose $< $(PARTS)/BOOTIA32.EFI $(OUT)/legacy.bin $@

# ---- The floor of the BIOS door ------------------------------------------------------------------------------------

FLOOR_SECTOR := 2048
boot_sector = $(CC) -c $(1) -o $@.o bench/floor/bios.S && \
	$(LD) -m elf_x86_64 -Ttext=0x7c00 -e _start --oformat binary -o $@ $@.o
$(BENCH)/floor-bios-%.img: bench/floor/bios.S bench/report.h $(BENCH)/random-%
	$(call say,IMAGE,$@)$(call boot_sector,-DSECTORS=$$(( $* * 2048 )) -DFIRST_SECTOR=$(FLOOR_SECTOR)) && \
		dd if=$(BENCH)/random-$* of=$@ bs=512 seek=$(FLOOR_SECTOR) conv=notrunc status=none
$(BENCH)/alone-bios.img: bench/floor/bios.S bench/report.h
	@mkdir -p $(@D)
	$(call say,IMAGE,$@)$(call boot_sector) && truncate -s 1M $@

# ---- Peers ---------------------------------------------------------------------------------------------------------

# One ISO that starts from a disk on both firmwares, as Debian's own tool makes it.
$(BENCH)/grub-%.img: $(BENCH)/multiboot-%.elf bench/grub.cfg
	@rm -rf $@.d && mkdir -p $@.d/boot/grub
	@cp $< $@.d/boot/kernel.elf && cp bench/grub.cfg $@.d/boot/grub
	$(call say,IMAGE,$@)grub-mkrescue -o $@ $@.d >$@.log 2>&1 || { cat $@.log; exit 1; }
	@rm -rf $@.d

# A FAT32 partition with clusters of 4 KiB, syslinux's own boot code, and its module for Multiboot.
SYSLINUX := /usr/lib/syslinux
$(BENCH)/syslinux-%.img: $(BENCH)/multiboot-%.elf bench/syslinux.cfg
	@rm -f $@ && truncate -s $$(( ($* + 300) * 1048576 )) $@
	@printf 'label: dos\nstart=2048, type=c, bootable\n' | sfdisk --quiet --no-reread --no-tell-kernel $@
	@dd if=$(SYSLINUX)/mbr/mbr.bin of=$@ conv=notrunc status=none
	@mformat -i $@@@1M -F -c 8 -T $$(( ($* + 299) * 2048 )) -h 255 -s 63 -H 2048 ::
	$(call say,IMAGE,$@)for file in mboot.c32 libcom32.c32; do \
		mcopy -i $@@@1M $(SYSLINUX)/modules/bios/$$file :: || exit 1; done
	@mcopy -i $@@@1M bench/syslinux.cfg ::syslinux.cfg && mcopy -i $@@@1M $< ::kernel.elf
	@syslinux --install --offset 1048576 $@

.PHONY: FORCE
FORCE:
