/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers at entry, as the contract fixes them. */
#include "kernel.h"
#include "report.h"
#include "cpu.h"

/* CPUID's idea of this CPU's APIC ID: 32 bits where the CPU has them, else the first 8. */
static uint32_t own_apic_id(void)
{
	struct cpuid topology = cpuid(0xb);

	return topology.ebx ? topology.edx : cpuid(1).ebx >> 24;
}

/* One number for all MTRRs, to compare CPUs by. */
static uint64_t mtrr_digest(void)
{
	static const uint16_t fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
					 0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
	uint64_t digest = 0;

	if (!cpu_has_msrs_for_mtrr())
		return 0;
	uint64_t capabilities = rdmsr(MSR_MTRR_CAP);
	unsigned variable = capabilities & 0xff;

	digest = rdmsr(MSR_MTRR_DEF_TYPE);
	for (unsigned i = 0; i < 2 * variable; i++)
		digest = digest * 31 + rdmsr(MSR_MTRR_PHYS + i);
	for (unsigned i = 0; capabilities >> 8 & 1 && i < sizeof(fixed) / sizeof(*fixed); i++)
		digest = digest * 31 + rdmsr(fixed[i]);
	return digest;
}

/* Intel SDM 1, 8.1.10: FNSTENV's image in 64-bit mode. */
struct x87_environment {
	uint16_t control, reserved1, status, reserved2, tags, reserved3;
	uint32_t rest[4];
};

struct registers registers_read(uint64_t rsp, uint64_t rflags, uint64_t others)
{
	struct registers r = {
		.rsp = rsp, .rflags = rflags, .others = others, .return_address = *(const uint64_t *)rsp};
	struct descriptor_table gdtr, idtr;
	struct x87_environment x87;

	__asm__ volatile("mov %%cr0, %0" : "=r"(r.cr0));
	__asm__ volatile("mov %%cr3, %0" : "=r"(r.cr3));
	__asm__ volatile("mov %%cr4, %0" : "=r"(r.cr4));
	__asm__ volatile("mov %%cs, %0" : "=r"(r.cs));
	__asm__ volatile("mov %%ss, %0" : "=r"(r.ss));
	__asm__ volatile("mov %%ds, %0" : "=r"(r.ds));
	__asm__ volatile("mov %%es, %0" : "=r"(r.es));
	__asm__ volatile("mov %%fs, %0" : "=r"(r.fs));
	__asm__ volatile("mov %%gs, %0" : "=r"(r.gs));
	__asm__ volatile("sldt %0" : "=r"(r.ldt));
	__asm__ volatile("str %0" : "=r"(r.tr));
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("sidt %0" : "=m"(idtr));
	__asm__ volatile("fnstenv %0" : "=m"(x87));
	if (r.cr4 & CR4_OSFXSR)
		__asm__ volatile("stmxcsr %0" : "=m"(r.mxcsr));
	r.gdt_limit = gdtr.limit;
	r.idt_limit = idtr.limit;
	r.idt_base = idtr.base;
	r.x87_control = x87.control;
	r.x87_status = x87.status;
	r.x87_tags = x87.tags;
	r.fs_base = rdmsr(MSR_FS_BASE);
	r.gs_base = rdmsr(MSR_GS_BASE);
	r.efer = rdmsr(MSR_EFER);
	r.pat = cpu_has_pat() ? rdmsr(MSR_PAT) : 0;
	r.apic_base = rdmsr(MSR_APIC_BASE);
	r.mtrrs = mtrr_digest();
	r.apic_id = own_apic_id();
	return r;
}

/* The descriptor's second half as LAR shows it, or 0 if the GDT has no such descriptor. */
static uint32_t access_rights(uint32_t selector)
{
	uint32_t rights = 0;

	__asm__("lar %1, %0\n\tjz 1f\n\txor %0, %0\n1:" : "=&r"(rights) : "r"(selector) : "cc");
	return rights;
}

static void check_segments(const struct registers *r)
{
	uint32_t code = access_rights(r->cs), stack = access_rights(r->ss);

	fact("selectors", "cs=0x%x ss=0x%x ds=0x%x es=0x%x fs=0x%x gs=0x%x", r->cs, r->ss, r->ds, r->es,
	     r->fs, r->gs);
	/* Present, privilege 0, code; 64-bit and not also 32-bit. */
	check("cs_is_64_bit_code", (code & 0x60f800) == 0x209800, "access rights 0x%x", code);
	/* Present, privilege 0, writable data. */
	check("ss_is_data", (stack & 0xfa00) == 0x9200, "access rights 0x%x", stack);
	check("selectors_as_agreed",
	      r->cs == 8 && r->ss == 16 && r->ds == 16 && r->es == 16 && r->fs == 16 && r->gs == 16,
	      "not 8 for CS and 16 for the others");
	check("segment_bases_are_0", r->fs_base == 0 && r->gs_base == 0, "FS 0x%lx, GS 0x%lx", r->fs_base,
	      r->gs_base);
	unsigned entries = handoff->exception_net ? 5 : 3; /* a TSS' descriptor counts twice */
	check("gdt_has_its_entries", r->gdt_limit == entries * 8 - 1, "limit %u", r->gdt_limit);
	check("ldt_is_null", r->ldt == 0, "0x%x", r->ldt);
}

/* A wish of the note is granted where the CPU has the mode; ACPI's DMAR may forbid x2APIC, but QEMU's and Bochs' have
   none. */
static void check_apic_mode(const struct registers *r)
{
	bool is_x2 = r->apic_base & APIC_BASE_X2;

	fact("apic_mode", "%s", is_x2 ? "x2apic" : "xapic");
	if (needs->flags & TWINBOOT_WANT_X2APIC)
		check("apic_mode_as_the_note_says", is_x2 || !(cpuid(1).ecx >> 21 & 1), "xAPIC");
	else if (needs->flags & TWINBOOT_WANT_XAPIC)
		check("apic_mode_as_the_note_says", !is_x2, "x2APIC");
}

/* The first STI brings nothing that the kernel did not ask for. */
static void check_interrupts(const struct registers *r)
{
	uint8_t masks[2] = {inb(0x21), inb(0xa1)}; /* the two 8259s */

	check("legacy_interrupts_are_masked", masks[0] == 0xff && masks[1] == 0xff, "0x%x, 0x%x", masks[0],
	      masks[1]);
	if (!cpu_has_apic()) {
		check_skipped("apic_timer_is_masked", "no local APIC");
		return;
	}
	const unsigned lvt_timer = 0x320, masked = 1 << 16;
	uint64_t base = r->apic_base & APIC_BASE_ADDRESS;
	uint64_t timer = r->apic_base & APIC_BASE_X2
				 ? rdmsr(MSR_X2APIC + lvt_timer / 16)
				 : *(const volatile uint32_t *)direct_map(base + lvt_timer);

	check("apic_timer_is_masked", timer & masked, "0x%lx", timer);
}

static void check_control_registers(const struct registers *r)
{
	fact("cr0", "0x%lx", r->cr0);
	fact("cr3", "0x%lx", r->cr3);
	fact("cr4", "0x%lx", r->cr4);
	fact("efer", "0x%lx", r->efer);
	if (cpu_has_pat())
		fact("pat", "0x%lx", r->pat);
	fact("apic_base", "0x%lx", r->apic_base);

	check("cr0_as_agreed", r->cr0 == CR0_AT_ENTRY, "cr0 0x%lx", r->cr0);
	check("cr4_as_agreed", (r->cr4 & ~CR4_LA57) == CR4_AT_ENTRY, "cr4 0x%lx", r->cr4);
	check("pat_as_agreed", !cpu_has_pat() || r->pat == PAT_AT_ENTRY, "0x%lx", r->pat);
	check("cr0_protected_and_paged", (r->cr0 & (CR0_PE | CR0_PG)) == (CR0_PE | CR0_PG), "cr0 0x%lx",
	      r->cr0);
	check("cr0_write_protect", r->cr0 & CR0_WP, "cr0 0x%lx", r->cr0);
	check("cr0_caches_on", !(r->cr0 & (CR0_CD | CR0_NW)), "cr0 0x%lx", r->cr0);
	check("cr3_is_set", r->cr3 != 0, "cr3 0x%lx", r->cr3);
	check("cr4_pae", r->cr4 & CR4_PAE, "cr4 0x%lx", r->cr4);
	check("cr4_la57_as_flagged", !(r->cr4 & CR4_LA57) == !(handoff->flags & TWINBOOT_LEVEL5_PAGING),
	      "cr4 0x%lx, flags 0x%x", r->cr4, handoff->flags);
	check("efer_long_mode", (r->efer & (EFER_LME | EFER_LMA)) == (EFER_LME | EFER_LMA), "efer 0x%lx",
	      r->efer);
	check("efer_nx_where_cpu_has_it", !(r->efer & EFER_NXE) == !cpu_has_nx(), "efer 0x%lx", r->efer);
	check("efer_nx_as_flagged", !(r->efer & EFER_NXE) == !(handoff->flags & TWINBOOT_NX),
	      "efer 0x%lx, flags 0x%x", r->efer, handoff->flags);
}

void check_registers(const struct registers *r)
{
	uint64_t stack_bottom = handoff->stack_top - handoff->stack_size;

	fact("rflags", "0x%lx", r->rflags);
	check("interrupts_are_off", !(r->rflags & RFLAGS_IF), "rflags 0x%lx", r->rflags);
	check("direction_flag_is_clear", !(r->rflags & RFLAGS_DF), "rflags 0x%lx", r->rflags);
	check("other_flags_are_clear",
	      (r->rflags | RFLAGS_IF | RFLAGS_DF) == (RFLAGS_AT_ENTRY | RFLAGS_IF | RFLAGS_DF),
	      "rflags 0x%lx", r->rflags);
	check("other_registers_are_0", r->others == 0, "ORed 0x%lx", r->others);
	check("x87_as_after_fninit", r->x87_control == 0x37f && r->x87_status == 0 && r->x87_tags == 0xffff,
	      "control 0x%x, status 0x%x, tags 0x%x", r->x87_control, r->x87_status, r->x87_tags);

	check("mxcsr_as_agreed", r->mxcsr == MXCSR_AT_ENTRY, "0x%x", r->mxcsr);

	fact("rsp", "0x%lx", r->rsp);
	fact("stack_top", "0x%lx", handoff->stack_top);
	fact("stack_size", "%u", handoff->stack_size);
	check("rsp_as_after_a_call", r->rsp % 16 == 8, "rsp 0x%lx", r->rsp);
	check("return_address_is_null", r->return_address == 0, "0x%lx", r->return_address);
	check("rsp_in_own_stack", r->rsp >= stack_bottom && r->rsp < handoff->stack_top,
	      "rsp 0x%lx, stack 0x%lx-0x%lx", r->rsp, stack_bottom, handoff->stack_top);
	uint32_t agreed = needs->stack_size ? needs->stack_size : TWINBOOT_STACK_DEFAULT;
	check("stack_size_as_agreed", handoff->stack_size == (agreed + PAGE - 1) / PAGE * PAGE, "%u",
	      handoff->stack_size);

	check_segments(r);
	check_apic_mode(r);
	check_interrupts(r);
	check_control_registers(r);
}
