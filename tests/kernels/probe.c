/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel such as a stranger may bring, to be compiled and linked in many ways (tests/probes.py). It
 * looks at itself, says on COM1 what it found, and ends QEMU.
 *
 *     DATA_FILE, DATA_CRC32   what .data holds, and its checksum
 *     BSS_BYTES               how large .bss is
 *     WRITABLE_CODE           it is linked writable and executable, and makes use of that
 *     IGNORE_HANDOFF          it does not look at what it was handed
 *     IN_PLACE                it needs to lie at its linked address
 */
#include <twinboot.h>

#define COM1             0x3f8
#define LINE_STATUS      (COM1 + 5)
#define TRANSMIT_EMPTY   0x20
#define DEBUG_EXIT       0xf4
#define SUCCESS          0x10
#define FAILURE          0x11
#define CRC32_POLYNOMIAL 0xedb88320u /* ISO-HDLC, as zlib has it */

static uint8_t zeros[BSS_BYTES];

__asm__(".pushsection .data\n"
	".balign 16\n"
	"data_start: .incbin \"" DATA_FILE "\"\n"
	"data_end:\n"
	".popsection\n");
extern const uint8_t data_start[], data_end[];

/* Linkers make a PT_TLS segment of this one. Nobody has set up FS, so it stays untouched. */
__attribute__((used)) static _Thread_local int thread_local_number = 42;

#ifdef IN_PLACE
TWINBOOT_NEEDS(TWINBOOT_NEED_IN_PLACE, 0, 0, 0, 0)
#endif

static int failures;

static void out_byte(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in_byte(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void print(const char *text)
{
	for (; *text; text++) {
		while (!(in_byte(LINE_STATUS) & TRANSMIT_EMPTY))
			;
		out_byte(COM1, (uint8_t)*text);
	}
}

static void report(const char *key, int good, const char *yes, const char *no)
{
	print("probe.");
	print(key);
	print("=");
	print(good ? yes : no);
	print("\n");
	failures += !good;
}

static int bss_is_zero(void)
{
	const volatile uint64_t *words = (const volatile uint64_t *)(const volatile void *)zeros;

	for (uint64_t i = 0; i < sizeof(zeros) / sizeof(*words); i++)
		if (words[i])
			return 0;
	return 1;
}

static uint32_t crc32(const uint8_t *from, const uint8_t *to)
{
	uint32_t table[256], crc = ~0u;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? CRC32_POLYNOMIAL : 0);
	}
	while (from < to)
		crc = crc >> 8 ^ table[(crc ^ *from++) & 0xff];
	return ~crc;
}

static int one(void)
{
	return 1;
}

static int two(void)
{
	return 2;
}

/* Each needs a relocation if the kernel can be moved. volatile: read them, do not know them. */
static int (*const volatile functions[])(void) = {one, two};
static const char *const volatile words[] = {"never", "odd", "or even"};
static const uint8_t *volatile ends[] = {data_start, data_end};
static const volatile void *const volatile self[] = {functions, self};

/* Where the symbol really is, seen from here. */
#define ADDRESS_OF(symbol) \
	({ \
		uint64_t address; \
		__asm__("lea " #symbol "(%%rip), %0" : "=r"(address)); \
		address; \
	})

static int relocations_are_applied(void)
{
	if ((uint64_t)functions[0] != ADDRESS_OF(one) || (uint64_t)functions[1] != ADDRESS_OF(two))
		return 0;
	if ((uint64_t)ends[0] != ADDRESS_OF(data_start) || (uint64_t)ends[1] != ADDRESS_OF(data_end))
		return 0;
	if ((uint64_t)self[0] != ADDRESS_OF(functions) || (uint64_t)self[1] != ADDRESS_OF(self))
		return 0;
	return functions[0]() == 1 && functions[1]() == 2 && words[1][0] == 'o' && words[2][6] == 'n';
}

#ifdef WRITABLE_CODE
static uint8_t code[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov $1, %eax; ret */

static int code_is_writable(void)
{
	int (*volatile function)(void) = (int (*)(void))(void *)code;

	if (function() != 1)
		return 0;
	((volatile uint8_t *)code)[1] = 2;
	return function() == 2;
}
#endif

_Noreturn void _start(const struct twinboot_handoff *handoff);

_Noreturn void _start(const struct twinboot_handoff *handoff)
{
	print("\n"); /* the firmware may have left a line unfinished */
	report("bss", bss_is_zero(), "zero", "dirty");
	report("data", crc32(ends[0], ends[1]) == DATA_CRC32, "intact", "changed");
	report("relocations", relocations_are_applied(), "applied", "wrong");
#ifdef WRITABLE_CODE
	report("code", code_is_writable(), "writable", "fixed");
#endif
#ifdef IGNORE_HANDOFF
	(void)handoff;
#else
	report("handoff", handoff->magic == TWINBOOT_MAGIC, "present", "absent");
	report("entry", handoff->kernel_entry == ADDRESS_OF(_start), "as promised", "elsewhere");
#endif
#ifdef IN_PLACE
	report("place", handoff->kernel_phys == handoff->kernel_virt, "as linked", "elsewhere");
#endif
	report("result", failures == 0, "ok", "failed");
	out_byte(DEBUG_EXIT, failures ? FAILURE : SUCCESS);
	for (;;)
		__asm__ volatile("hlt");
}
