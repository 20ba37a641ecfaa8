/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel that dies before it has loaded an IDT, of what QEMU's fw_cfg file opt/twinboot/death says, on the CPU that
 * opt/twinboot/cpu says (tests/test_exceptions.py). Each death's instruction has a symbol, at_ and its name.
 *
 *     NEEDS   the flags of its note
 */
#include <twinboot.h>

TWINBOOT_NEEDS(NEEDS, 0, 0, 0, 16384)

#define COM1           0x3f8
#define LINE_STATUS    (COM1 + 5)
#define TRANSMIT_EMPTY 0x20

static void out_byte(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out_word(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
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

/* ---- QEMU's fw_cfg (docs/specs/fw_cfg.txt there) ---- */

#define FW_CFG_SELECT    0x510
#define FW_CFG_DATA      0x511
#define FW_CFG_DIRECTORY 0x19

static uint32_t read_big_endian(unsigned bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | in_byte(FW_CFG_DATA);
	return value;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Copies the file `name` as a string; "" if there is none. */
static void read_file(const char *name, char *to, uint32_t room)
{
	uint32_t size = 0, selector = 0;

	out_word(FW_CFG_SELECT, FW_CFG_DIRECTORY);
	for (uint32_t count = read_big_endian(4); count > 0; count--) {
		uint32_t file_size = read_big_endian(4), file_selector = read_big_endian(2);
		char file_name[56];

		read_big_endian(2);
		for (unsigned i = 0; i < sizeof(file_name); i++)
			file_name[i] = (char)in_byte(FW_CFG_DATA);
		if (same(file_name, name)) {
			size = file_size;
			selector = file_selector;
		}
	}
	out_word(FW_CFG_SELECT, (uint16_t)selector);
	for (uint32_t i = 0; i < size && i + 1 < room; i++)
		*to++ = (char)in_byte(FW_CFG_DATA);
	*to = 0;
}

/* ---- Deaths ---- */

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

struct gate {
	uint16_t offset_low, selector;
	uint8_t stack, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

static const struct twinboot_handoff *handoff;
static char death[32];

static struct gate *gate(unsigned vector)
{
	return (struct gate *)handoff->exception_net + vector;
}

/* The GDT as it was at entry, with one more entry: a data segment that is not present. */
#define ABSENT_SEGMENT 0x28
static uint64_t gdt[6];

static void load_own_gdt(void)
{
	struct table_register gdtr;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	for (unsigned i = 0; i < 5; i++)
		gdt[i] = ((const uint64_t *)gdtr.base)[i];
	gdt[5] = 0x00cf13000000ffff;
	gdtr = (struct table_register){sizeof(gdt) - 1, (uint64_t)gdt};
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
}

#define AT(name) ".globl at_" name "\nat_" name ": "

static void divide_error(void)
{
	__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx\n" AT("DE") "div %%ecx"
			 :
			 :
			 : "rax", "rcx", "rdx");
}

static void debug(void) /* a trap: reported behind the first instruction that runs with TF set */
{
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop\n" AT("DB") "nop" : : : "cc", "memory");
}

static void breakpoint(void)
{
	__asm__ volatile("int3\n" AT("BP") "nop");
}

static void overflow(void)
{
	__asm__ volatile("int $4\n" AT("OF") "nop");
}

static void invalid_opcode(void)
{
	__asm__ volatile(AT("UD") "ud2");
}

static void device_not_available(void) /* CR0.TS */
{
	__asm__ volatile("mov %%cr0, %%rax; or $8, %%eax; mov %%rax, %%cr0\n" AT("NM") "fldz" : : : "rax");
}

static void general_protection(void)
{
	__asm__ volatile("mov $0x8000000000000000, %%rax\n" AT("GP") "mov (%%rax), %%rax" : : : "rax");
}

/* The gate of the exception that comes first is gone. */
static void double_fault(void)
{
	gate(13)->type = 0;
	__asm__ volatile("mov $0x8000000000000000, %%rax\n" AT("DF") "mov (%%rax), %%rax" : : : "rax");
}

/* A TSS that ends before its interrupt stacks. */
static void invalid_tss(void)
{
	load_own_gdt();
	gdt[3] = (gdt[3] & ~UINT64_C(0x2000000ffff)) | 0x23;
	gate(10)->stack = 0;
	__asm__ volatile("mov $0x18, %%eax; ltr %%ax\n" AT("TS") "ud2" : : : "rax", "memory");
}

static void segment_not_present(void)
{
	load_own_gdt();
	__asm__ volatile(AT("NP") "mov %0, %%ds" : : "r"(ABSENT_SEGMENT) : "memory");
}

static void stack_segment(void)
{
	load_own_gdt();
	__asm__ volatile(AT("SS") "mov %0, %%ss" : : "r"(ABSENT_SEGMENT) : "memory");
}

static void page_fault(void)
{
	__asm__ volatile("mov $0x123456789000, %%rax\n" AT("PF") "movl $1, 8(%%rax)" : : : "rax");
}

static void null_call(void)
{
	__asm__ volatile("xor %%eax, %%eax; call *%%rax" : : : "rax");
}

static void stack_overflow(void)
{
	__asm__ volatile("1:\n" AT("stack") "push %rax; jmp 1b");
}

static void x87_error(void) /* zero divide, unmasked */
{
	static const uint16_t control = 0x37b;

	__asm__ volatile("fldcw %0; fld1; fldz; fdivrp\n" AT("MF") "fwait" : : "m"(control));
}

static void simd_error(void) /* zero divide, unmasked */
{
	static const uint32_t control = 0x1d80;

	__asm__ volatile("ldmxcsr %0; xorps %%xmm1, %%xmm1; mov $0x3f800000, %%eax; movd %%eax, %%xmm0\n" AT(
				 "XM") "divss %%xmm1, %%xmm0"
			 :
			 : "m"(control)
			 : "rax");
}

/* From outside: for whom waits. */
static _Noreturn void wait(void)
{
	print("waiting\n");
	for (;;)
		__asm__ volatile("hlt");
}

#define LVT_LINT1    0x360
#define DELIVER_NMI  0x400
#define APIC_ADDRESS UINT64_C(0xfee00000)

static volatile uint32_t *lint1(void)
{
	return (volatile uint32_t *)(handoff->direct_map_base + APIC_ADDRESS + LVT_LINT1);
}

static void nmi(void)
{
	*lint1() = DELIVER_NMI;
	wait();
}

static void machine_check(void) /* CR4.MCE */
{
	__asm__ volatile("mov %%cr4, %%rax; or $0x40, %%eax; mov %%rax, %%cr4" : : : "rax");
	wait();
}

static const struct {
	char name[8];
	void (*die)(void);
} deaths[] = {
	{"DE", divide_error},
	{"DB", debug},
	{"NMI", nmi},
	{"BP", breakpoint},
	{"OF", overflow},
	{"UD", invalid_opcode},
	{"NM", device_not_available},
	{"DF", double_fault},
	{"TS", invalid_tss},
	{"NP", segment_not_present},
	{"SS", stack_segment},
	{"GP", general_protection},
	{"PF", page_fault},
	{"null", null_call},
	{"stack", stack_overflow},
	{"MF", x87_error},
	{"MC", machine_check},
	{"XM", simd_error},
};

__attribute__((noinline)) static _Noreturn void die(uint64_t unused)
{
	(void)unused;
	for (unsigned i = 0; i < sizeof(deaths) / sizeof(*deaths); i++)
		if (same(deaths[i].name, death))
			deaths[i].die();
	print("still alive\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void _start(const struct twinboot_handoff *given);

_Noreturn void _start(const struct twinboot_handoff *given)
{
	char cpu[8];

	handoff = given;
	read_file("opt/twinboot/death", death, sizeof(death));
	read_file("opt/twinboot/cpu", cpu, sizeof(cpu));
	print("\nabout to die\n");
	if (cpu[0] == '1') {
		*lint1() = 1 << 16; /* an NMI is for the other one */
		given->cpus[1].goto_address = (uint64_t)die;
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	die(0);
}
