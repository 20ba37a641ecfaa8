# SPDX-License-Identifier: BSD-2-Clause
# twinboot: one kernel, one image, both firmwares. `make help` lists the targets.

OUT         ?= build
KERNEL      ?= $(OUT)/kernel.elf
PROTOCOL    ?= auto
CMDLINE     ?=
MODULES     ?=
INITRD      ?=
MICROCODE   ?=
OS_RELEASE  ?=
UNAME       ?=
LOG         ?= 0
RUN_TIMEOUT ?= 10
RUN_MEMORY  ?= 512M

CC      := gcc
LD      := ld
OBJCOPY := objcopy
AR      := ar
PYTHON  := /usr/bin/python3

# One line a step; V=1 shows the commands themselves.
say = $(if $(V),,@printf '  %-8s%s\n' '$(1)' '$(call quoted,$(2))';)
quoted = $(subst ','\'',$(1))

# What a name may not hold where make or the shell would read more than a part of a name.
SPECIAL := ' " ` \ $$ & | ; : < > ( ) { } [ ] * ? ! ~ = % \#
special_in = $(strip $(foreach character,$(SPECIAL),$(findstring $(character),$(1))) $(word 2,x$(1)x))
$(if $(and $(OUT),$(if $(call special_in,$(OUT)),,x)),,\
	$(error OUT=$(OUT): is not a name that make and the shell take as it is; use letters, digits and . _ - / alone))
define newline


endef
$(if $(KERNEL),,$(error KERNEL is empty; give the path of an ELF file, or leave it out))
$(if $(findstring $(newline),$(KERNEL)),$(error KERNEL has a line break; give the file another name))
MADE_OF_IT := kernel.stripped kernel.padded kernel_bin.o libkernel_bin.a legacy.elf efi.so linked.EFI BOOTX64.EFI twinboot.img
$(if $(filter $(addprefix $(OUT)/,$(MADE_OF_IT)),$(KERNEL)),$(error KERNEL=$(KERNEL): is made from the kernel; give the kernel itself))
# What people write is text: no dollar sign in it is make's. It reaches twinboot through the environment. The last four go
# with a Linux kernel, and into the file's sections that a unified kernel image has.
TEXTS := KERNEL PROTOCOL CMDLINE MODULES INITRD MICROCODE OS_RELEASE UNAME
$(foreach text,$(TEXTS),$(if $(filter command environment,$(firstword $(origin $(text)))),\
	$(eval override $(text) := $$(value $(text)))))
export $(TEXTS) MAX_IMAGE_MIB TABLE SMALL SEPARATE_PAYLOAD SECTOR IMAGE LD OBJCOPY AR

.DELETE_ON_ERROR:
.PRECIOUS: $(OUT)/kernel/main-%.o $(OUT)/kernel/limine-requests-%.o
MAKEFLAGS += --no-builtin-rules
export LC_ALL := C

# ---- What is built --------------------------------------------------------------------------------------------------

IMAGE := $(OUT)/twinboot.img
NETBOOT := $(OUT)/twinboot.0 $(OUT)/twinboot.payload $(OUT)/BOOTX64.EFI
# Other images than the default: docs/images.md
LAYOUT := $(foreach switch,TABLE SMALL SEPARATE_PAYLOAD SECTOR,$(switch)=$($(switch)))
# The loaders without a kernel, and what else `twinboot` takes from a place of its own.
PARTS := $(OUT)/parts

.PHONY: all
all: $(IMAGE) ## build the image for KERNEL (default: the reference kernel)

# ---- Set-up: packages.txt, installed once ---------------------------------------------------------------------------

DEPS_BUILD := $(OUT)/.packages-build
DEPS_TEST  := $(OUT)/.packages-test

$(DEPS_BUILD): packages.txt
	@./packages.sh build
	@mkdir -p $(@D) && touch $@

$(DEPS_TEST): packages.txt $(DEPS_BUILD)
	@./packages.sh test
	@touch $@

# ---- How each room is compiled --------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Werror
HOST_FLAGS := -std=gnu11 -O2 -g $(WARN) -D_FILE_OFFSET_BITS=64 -ffile-prefix-map=$(CURDIR)=. -I .
BARE_FLAGS = -std=gnu11 -g $(WARN) -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-ident -fcf-protection=none -ffile-prefix-map=$(CURDIR)=. -I . -I include

# As small as it gets, and without what nobody calls, since the BIOS loader has 40 KiB for everything; but every byte of the
# payload passes through crc32c.c.
SMALL_FLAGS = $(if $(filter %/crc32c.c.o,$@),-O2,-Oz) -ffunction-sections -fdata-sections
CORE_GLOBALS := core_prepare core_boot core_halt core_catch_exceptions
# core: x86-64 that runs at any address, without SSE, on a stack without a red zone (UEFI interrupts use it)
CORE_FLAGS = $(BARE_FLAGS) $(SMALL_FLAGS) -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only
# legacy: 32-bit code in 64-bit objects, since ld links no elf32 together with the payload's elf64; -march=i386 so that
# even a 386 gets as far as the sentence that it is too old
LEGACY_FLAGS = $(BARE_FLAGS) $(SMALL_FLAGS) -m32 -march=i386 -mregparm=3 -fno-pic -fno-pie -mgeneral-regs-only -fno-dwarf2-cfi-asm -Wa,--64 -include legacy/code32.h
EFI_HEADERS := -fshort-wchar -DGNU_EFI_USE_MS_ABI -isystem /usr/include/efi -isystem /usr/include/efi/x86_64
EFI_FLAGS = $(BARE_FLAGS) -Os -fpic -fvisibility=hidden -mno-red-zone -mgeneral-regs-only $(EFI_HEADERS)
IA32_FLAGS = $(BARE_FLAGS) -Os -m32 -march=i686 -fpie -fvisibility=hidden -fshort-wchar -mgeneral-regs-only \
	-isystem /usr/include/efi -isystem /usr/include/efi/ia32
KERNEL_FLAGS = $(BARE_FLAGS) -O2 -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only

# What each world compiles for itself: core and the adapters their part of it, the doors and the loaders' other code the rest.
CORE_SHARED := common/text.c common/log.c common/paging.c common/acpi.c
SHARED := $(filter-out common/paging.c common/acpi.c,$(wildcard common/*.c))

objects = $(patsubst %,$(OUT)/$(1)/%.o,$(2))
CORE_OBJECTS   := $(call objects,x86_64,$(wildcard core/*.c) $(wildcard core/*.S) $(CORE_SHARED) formats/crc32c.c)
# The BIOS loader twice: it comes from a disk, or as a network boot program
DOOR_DISK := legacy/boot.S legacy/disk.c legacy/disk_facts.c
DOOR_PXE  := legacy/pxe_start.S legacy/pxe.c
LEGACY_SOURCES := $(filter-out $(DOOR_DISK) $(DOOR_PXE),$(wildcard legacy/*.c) $(wildcard legacy/*.S)) $(SHARED)
LEGACY_OBJECTS := $(call objects,i686,$(DOOR_DISK) $(LEGACY_SOURCES))
PXE_OBJECTS    := $(call objects,i686,$(DOOR_PXE) $(LEGACY_SOURCES))
EFI_OBJECTS    := $(call objects,efi,$(wildcard efi/*.c) $(SHARED))
KERNEL_OBJECTS := $(call objects,kernel,$(wildcard kernel/*.c) $(wildcard kernel/*.S))
ADAPTER_SHARED := $(call objects,x86_64,$(wildcard adapters/*.c) common/text.c core/string.c)
MULTIBOOT_OBJECTS := $(ADAPTER_SHARED) $(call objects,x86_64,$(wildcard adapters/multiboot/*.c) $(wildcard adapters/multiboot/*.S) common/paging.c)
LINUX_OBJECTS  := $(ADAPTER_SHARED) $(call objects,x86_64,$(wildcard adapters/linux/*.c) $(wildcard adapters/linux/*.S) common/paging.c formats/bzimage.c)
LIMINE_OBJECTS := $(ADAPTER_SHARED) $(call objects,x86_64,$(wildcard adapters/limine/*.c) $(wildcard adapters/limine/*.S) common/paging.c common/acpi.c)
TOOL_OBJECTS   := $(call objects,host,$(wildcard embed/*.c) $(wildcard images/*.c) $(wildcard tool/*.c) \
	formats/bzimage.c formats/crc32c.c formats/sha256.c)

$(OUT)/x86_64/%.o: % Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CORE_FLAGS) -Wa,-I$(OUT) -MMD -MP -c -o $@ $<

$(OUT)/i686/%.c.o: %.c Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC 32,$<)$(CC) $(LEGACY_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/i686/%.S.o: %.S Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(BARE_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/efi/%.o: % Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC efi,$<)$(CC) $(EFI_FLAGS) -MMD -MP -c -o $@ $<

$(OUT)/kernel/kernel/limine/%.o: KERNEL_FLAGS += -I kernel
$(OUT)/kernel/%.o: % Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KERNEL_FLAGS) -Wa,-I$(OUT) -MMD -MP -c -o $@ $<

$(OUT)/host/%.o: % Makefile | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)$(CC) $(HOST_FLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(OUT) -path $(OUT)/debian -prune -o -name '*.d' -print 2>/dev/null)

# Printable ASCII of GNU Unifont: glyphs 32 to 126 of a PSF1 file, 4 bytes of header, 16 bytes a glyph.
FONT := /usr/share/consolefonts/Unifont-APL8x16.psf.gz
$(OUT)/font8x16.bin: | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,FONT,$@)zcat $(FONT) | tail -c +$$((4 + 32 * 16 + 1)) | head -c $$((95 * 16)) > $@
$(OUT)/x86_64/core/font.S.o $(OUT)/kernel/kernel/font.S.o: $(OUT)/font8x16.bin

# The loader's log also goes to COM1.
LOG_OBJECTS := $(foreach world,x86_64 i686 efi,$(OUT)/$(world)/common/log.c.o)
$(LOG_OBJECTS): $(OUT)/LOG.value
$(LOG_OBJECTS): BARE_FLAGS += -DLOG=$(LOG)

# ---- core: one object for both loaders -----------------------------------------------------------------------------

$(OUT)/core.o: $(CORE_OBJECTS) linker/core.ld
	$(call say,LD,$@)$(LD) -r --gc-sections $(CORE_GLOBALS:%=-u %) -T linker/core.ld -o $@ $(CORE_OBJECTS)
	@$(OBJCOPY) $(CORE_GLOBALS:%=--keep-global-symbol=%) $@

# ---- The command ----------------------------------------------------------------------------------------------------

$(OUT)/twinboot: $(TOOL_OBJECTS)
	$(call say,HOSTLD,$@)$(CC) -o $@ $^

# ---- Kernels -------------------------------------------------------------------------------------------------------

KERNEL_LINK = $(LD) -m elf_x86_64 -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none \
	$(KERNEL_BASE) -T linker/kernel.ld -o $@ $(filter %.o,$^)
$(OUT)/kernel.elf: $(KERNEL_OBJECTS) linker/kernel.ld
	$(call say,LD,$@)$(KERNEL_LINK)

# The same kernel with other needs in its note, for the tests: kernel-level5.elf and so on
NEEDS_level5   := TWINBOOT_NEED_LEVEL5_PAGING,1024,768,32,0
NEEDS_identity := TWINBOOT_NEED_IDENTITY_MAP,1024,768,32,131072
NEEDS_alone    := TWINBOOT_LEAVE_CPUS | TWINBOOT_NO_EXCEPTION_NET,1024,768,32,20000
NEEDS_x2apic   := TWINBOOT_WANT_X2APIC,1024,768,32,0
NEEDS_xapic    := TWINBOOT_WANT_XAPIC,1024,768,32,0
NEEDS_textmode := TWINBOOT_KEEP_TEXT_MODE,0,0,0,0
NEEDS_24bit    := TWINBOOT_NEED_FRAMEBUFFER,800,600,24,0
NEEDS_16bit    := 0,640,480,16,0
NEEDS_nowish   := 0,0,0,0,0
NEEDS_oddwish  := 0,1234,567,0,0
NEEDS_low      := TWINBOOT_NEED_IN_PLACE,1024,768,32,0
NEEDY_KERNELS  := $(patsubst NEEDS_%,$(OUT)/kernel-%.elf,$(filter NEEDS_%,$(.VARIABLES)))
$(OUT)/kernel/main-%.o: kernel/main.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC,$< ($*))$(CC) $(KERNEL_FLAGS) '-DREFERENCE_NEEDS=$(NEEDS_$*)' -MMD -MP -c -o $@ $<
$(OUT)/kernel-%.elf: $(OUT)/kernel/main-%.o $(filter-out %/main.c.o,$(KERNEL_OBJECTS)) linker/kernel.ld
	$(call say,LD,$@)$(KERNEL_LINK)

$(OUT)/kernel-low.elf: KERNEL_BASE := --defsym=kernel_base=0x200000

# The same kernel with its Limine side, which a Limine loader enters: kernel-limine-6.elf asks for base revision 6, and so on
LIMINE_KERNEL_OBJECTS := $(call objects,kernel,$(wildcard kernel/limine/*.c) $(wildcard kernel/limine/*.S))
LIMINE_ASKS_level5 := -DPAGING_WISH=1
LIMINE_ASKS_x2apic := -DX2APIC=1
LIMINE_ASKS_keep   := -DKEEP=1
$(OUT)/kernel/limine-requests-%.o: kernel/limine/requests.c | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC,$< ($*))$(CC) $(KERNEL_FLAGS) -I kernel $(or $(LIMINE_ASKS_$*),-DBASE=$*) -MMD -MP -c -o $@ $<
$(OUT)/kernel-limine-%.elf: $(OUT)/kernel/limine-requests-%.o $(filter-out %/requests.c.o,$(LIMINE_KERNEL_OBJECTS)) $(KERNEL_OBJECTS) linker/kernel.ld
	$(call say,LD,$@)$(KERNEL_LINK)

$(OUT)/hello.elf: kernel/example/hello.c include/twinboot.h | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=gnu11 -O2 $(WARN) -ffreestanding -fpie -static-pie -nostdlib -mno-red-zone -mgeneral-regs-only \
		-fno-stack-protector -I include -Wl,-e,kernel_main -o $@ $<

# ---- Adapters: kernels that start foreign ones -----------------------------------------------------------------------

ADAPTER_LINK = $(LD) -m elf_x86_64 -nostdlib -static -pie --no-dynamic-linker -z text -z max-page-size=4096 -z noexecstack \
	--build-id=none -e kernel_main -o $@ $(filter %.o,$^)
$(PARTS)/adapters/linux.elf: $(LINUX_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(ADAPTER_LINK)

$(PARTS)/adapters/limine.elf: $(LIMINE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(ADAPTER_LINK)

$(PARTS)/adapters/multiboot.elf: $(MULTIBOOT_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(ADAPTER_LINK)

ADAPTERS := $(PARTS)/adapters/linux.elf $(PARTS)/adapters/limine.elf $(PARTS)/adapters/multiboot.elf

# ---- The loaders, but for the kernel ---------------------------------------------------------------------------------

$(PARTS)/legacy.o: $(LEGACY_OBJECTS) $(OUT)/core.o
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LD) -r --gc-sections -u boot_sector -m elf_x86_64 -z noexecstack -o $@ $^

$(PARTS)/efi.o: /usr/lib/crt0-efi-x86_64.o $(EFI_OBJECTS) $(OUT)/core.o /usr/lib/libgnuefi.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LD) -r -m elf_x86_64 -z noexecstack -o $@ $^
/usr/lib/crt0-efi-x86_64.o /usr/lib/libgnuefi.a: | $(DEPS_BUILD)

$(PARTS)/%.ld: linker/%.ld
	@mkdir -p $(@D)
	@cp $< $@

# It loads whatever twinboot.payload says, so it is complete without a kernel.
$(OUT)/pxe.elf: $(PXE_OBJECTS) $(OUT)/core.o linker/pxe.ld linker/loader.ld
	$(call say,LD,$@)$(LD) -m elf_x86_64 -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections --build-id=none \
		-L linker -T linker/pxe.ld -o $@ $(PXE_OBJECTS) $(OUT)/core.o
$(PARTS)/pxe.bin: $(OUT)/pxe.elf
	@mkdir -p $(@D)
	$(call say,OBJCOPY,$@)$(OBJCOPY) -O binary -j .boot -j .loader $< $@

# For 32-bit UEFI: says that it is the wrong one.
$(OUT)/ia32/%.o: % | $(DEPS_BUILD)
	@mkdir -p $(@D)
	$(call say,CC ia32,$<)$(CC) $(IA32_FLAGS) -MMD -MP -c -o $@ $<
$(OUT)/ia32.elf: $(OUT)/ia32/efi/ia32/main.c.o linker/efi-ia32.ld
	$(call say,LD,$@)$(LD) -m elf_i386 -nostdlib -static -z noexecstack -z max-page-size=4096 --build-id=none \
		-T linker/efi-ia32.ld -o $@ $(filter %.o,$^)
$(PARTS)/BOOTIA32.EFI: $(OUT)/ia32.elf
	@mkdir -p $(@D)
	$(call say,OBJCOPY,$@)$(OBJCOPY) -S -j .text -j .rodata -j .reloc --target efi-app-ia32 \
		--subsystem=10 --section-alignment 4096 --file-alignment 4096 $< $@

ALL_PARTS := $(addprefix $(PARTS)/,legacy.o efi.o legacy.ld loader.ld efi.ld pxe.bin BOOTIA32.EFI) $(ADAPTERS)

# ---- The image: what `twinboot build` makes of a kernel and the parts ------------------------------------------------

# A kernel or module that is not there is twinboot's to report: it says what to do. A name that make cannot hold is
# looked at every time.
BUILT_KERNELS := $(OUT)/kernel.elf $(OUT)/hello.elf $(NEEDY_KERNELS) $(ADAPTERS)
WATCHED_KERNEL := $(if $(call special_in,$(KERNEL)),EVERY_TIME,$(KERNEL))
$(filter-out $(BUILT_KERNELS),$(WATCHED_KERNEL)): ;

# Other values of these variables are other inputs: each stands in a file that is written only when its value changes.
REMEMBERED := $(TEXTS) MAX_IMAGE_MIB LAYOUT
same = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))
is_remembered = $(and $(wildcard $(OUT)/$(1).value),$(call same,$($(1)),$(file <$(OUT)/$(1).value)))
remember = $(if $(is_remembered),,$(shell mkdir -p $(OUT))$(file >$(OUT)/$(1).value,$($(1))))
$(foreach variable,$(REMEMBERED) LOG,$(call remember,$(variable)))

$(IMAGE): $(OUT)/twinboot $(ALL_PARTS) $(WATCHED_KERNEL) $(REMEMBERED:%=$(OUT)/%.value)
	$(call say,BUILD,$@)$(OUT)/twinboot build --environment --keep $(OUT) --depfile $@.d -o $@ $(if $(V),-v)

# What lies on the way there.
ON_THE_WAY := $(addprefix $(OUT)/,kernel.padded libkernel_bin.a legacy.elf legacy.bin efi.so linked.EFI manifest.bin BOOTX64.EFI)
$(ON_THE_WAY): $(IMAGE) ;

$(OUT)/twinboot.payload $(OUT)/twinboot.0 &: $(IMAGE) $(PARTS)/pxe.bin
	$(call say,NETBOOT,$(OUT)/twinboot.0)$(OUT)/twinboot step netboot $(OUT)/BOOTX64.EFI $(OUT)/legacy.bin $(PARTS)/pxe.bin \
		$(OUT)/twinboot.payload $(OUT)/twinboot.0

.PHONY: image inspect netboot
netboot: $(NETBOOT) ## twinboot.0 and twinboot.payload for BIOS (PXE), BOOTX64.EFI for UEFI (PXE, HTTP): docs/netboot.md
image: $(IMAGE) ## the image alone; TABLE=gpt, SMALL=1, SEPARATE_PAYLOAD=1, SECTOR=4096: docs/images.md
inspect: $(OUT)/twinboot $(if $(filter command line,$(origin IMAGE)),,$(IMAGE)) ## show and check what is in IMAGE=file or a device
	@$(OUT)/twinboot inspect "$$IMAGE"

# ---- Running -------------------------------------------------------------------------------------------------------

RUNNER := TWINBOOT_CACHE=$(OUT) TWINBOOT_KVM=0 $(PYTHON) runner
BOOT := --memory $(RUN_MEMORY) --kernel "$$KERNEL" $(if $(filter-out 0,$(COLD)),--cold)
# A kernel that runs on is a normal kernel: 124 says that time was up.
RUN = $(RUNNER) run $(BOOT) --timeout $(RUN_TIMEOUT) $(1) $(IMAGE) || test $$? = 124

.PHONY: screens
screens: $(IMAGE) ## capture both screens into docs/, as the README shows them
	$(call RUN,--screens $(OUT)/screens)
	cp $(OUT)/screens/bios.png docs/screen-bios.png
	cp $(OUT)/screens/uefi.png docs/screen-uefi.png

.PHONY: run run-bios run-uefi debug-bios debug-uefi
run: $(IMAGE) ## boot the image through BIOS and through UEFI and show what the kernel said
	@$(call RUN)
run-bios: $(IMAGE) ## boot it through BIOS only
	@$(call RUN,--bios)
run-uefi: $(IMAGE) ## boot it through UEFI only
	@$(call RUN,--uefi)
debug-bios: $(IMAGE) ## QEMU stopped before the BIOS' first instruction; prints the gdb command
	@$(RUNNER) run --gdb --bios $(BOOT) --loader $(OUT)/legacy.elf $(IMAGE)
debug-uefi: $(IMAGE) ## the same for UEFI
	@$(RUNNER) run --gdb --uefi $(BOOT) --loader $(OUT)/efi.so $(IMAGE)

include bench/bench.mk

# ---- Tests ---------------------------------------------------------------------------------------------------------

# The first comment of a unit test or fuzzer names the sources it links; others it includes.
links = $(shell sed -n 's|^/\* links: \(.*\) \*/$$|\1|p' $(1))
includes = $(shell sed -n 's|^\#include "\(.*\.c\)"$$|\1|p' $(1))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_TESTS := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TIME ?= 60

.SECONDEXPANSION:
HOST_HEADERS := $(wildcard adapters/*.h adapters/*/*.h include/*.h formats/*.h common/*.h core/*.h efi/*.h embed/*.h tests/unit/*.h)
$(OUT)/unit/test_efi_%: HOST_FLAGS += $(EFI_HEADERS)
$(OUT)/unit/%: tests/unit/%.c $$(call links,tests/unit/$$*.c) $$(call includes,tests/unit/$$*.c) $(HOST_HEADERS) | $(DEPS_TEST)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)$(CC) $(HOST_FLAGS) $(SANITIZE) -I include -o $@ $< $(call links,$<) -lcmocka

$(OUT)/fuzz/%: tests/fuzz/%.c $$(call links,tests/fuzz/$$*.c) $$(call includes,tests/fuzz/$$*.c) $(HOST_HEADERS) | $(DEPS_TEST)
	@mkdir -p $(@D)
	$(call say,FUZZER,$<)clang -std=gnu11 -O1 -g $(SANITIZE) -fsanitize=fuzzer -I . -I include -o $@ $< $(call links,$<)

# Boots wait as much as they work: one process more than there are CPUs. A file's tests stay together.
PYTEST = $(PYTHON) -m pytest -q -n $$(( $$(nproc) + 1 )) --dist loadfile tests
.PHONY: test test-all unit lint fuzz
test: unit lint $(IMAGE) ## unit tests on the host, lint, and boots through both firmwares
	$(PYTEST)
test-all: unit lint $(IMAGE) ## the same with the whole boot matrix
	$(PYTEST) -m ''
unit: $(UNIT_TESTS) ## the unit tests alone
	@for test in $(UNIT_TESTS); do CMOCKA_MESSAGE_OUTPUT=stdout $$test >$$test.log 2>&1 || { cat $$test.log; exit 1; }; \
		tail -1 $$test.log | sed "s|^|$$test: |"; done
C_FILES := $(wildcard adapters/*.[ch] adapters/*/*.[ch] formats/*.[ch] common/*.[ch] core/*.[ch] legacy/*.[ch] efi/*.[ch] embed/*.[ch] kernel/*.[ch] kernel/limine/*.[ch] kernel/example/*.c images/*.[ch] tool/*.[ch] \
	include/*.h bench/*.c bench/floor/*.c efi/ia32/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/kernels/*.[ch] tests/kernels/*/*.[ch])
lint: | $(DEPS_TEST) ## clang-format and cppcheck
	@if clang-format --version | grep -q 'version 14\.'; then clang-format --dry-run -Werror $(C_FILES); \
		else echo 'clang-format: not version 14, with which this tree is formatted: skipped'; fi
	@cppcheck -q --error-exitcode=1 --inline-suppr --enable=warning,portability --suppressions-list=.cppcheck -I . -I include \
		-U__ASSEMBLER__ adapters bench formats common core efi embed images legacy kernel tool
.PHONY: format
format: | $(DEPS_TEST) ## let clang-format 14 have its way
	clang-format -i $(C_FILES)
fuzz: $(FUZZERS) ## every fuzzer for TIME=60 seconds
	@for fuzzer in $(FUZZERS); do echo "== $$fuzzer"; mkdir -p $$fuzzer.corpus; \
		$$fuzzer -max_total_time=$(TIME) -print_final_stats=1 -verbosity=0 $$fuzzer.corpus \
		$$(ls -d tests/fuzz/corpus/$${fuzzer##*/fuzz_} 2>/dev/null) || exit 1; done

.PHONY: clean help
clean: ## remove everything that was built
	rm -rf $(OUT)

help: ## this list
	@echo 'make [target] [KERNEL=kernel.elf] [PROTOCOL=auto] [CMDLINE="..."] [MODULES="path[:name[:arguments]] ..."] [OUT=build]'
	@echo '     [KERNEL=vmlinuz] [INITRD="path ..."] [MICROCODE="path ..."] [OS_RELEASE=path] [UNAME=text]: Linux, docs/linux.md'
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
	@echo 'RUN_TIMEOUT=10 seconds, RUN_MEMORY=512M, COLD=1 starts the firmware anew, V=1 shows commands, LOG=1 prints the loader log; MAX_IMAGE_MIB=1024 limits the kernel in memory'
