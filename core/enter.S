/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How CPUs get into the kernel.
 *
 * The final page tables do not map the loader where it lies, so the boot CPU's way leads over a bridge: tables that map
 * this code at its own address and, a second time, at its copy in the loader's window. From the copy, which the
 * final tables map too, it loads those and is gone. Where the number of paging levels changes, which takes
 * turning paging off, it goes through the low page: the page below 1 MiB at which all other CPUs start in real mode.
 *
 * Nothing here uses a stack before each CPU has its own, and nothing is written but that.
 */
#include "common/registers.h"
#include "start.h"


/* struct twinboot_cpu */
#define CPU_SIZE    40
#define CPU_APIC_ID 0
#define CPU_STATE   8
#define CPU_STACK   16
#define CPU_GOTO    24
#define CPU_ARGUMENT 32
#define STATE_PARKED 2 /* TWINBOOT_CPU_PARKED */

#define APIC_ADDRESS_MASK     0x000ffffffffff000
#define APIC_ID               0x20
#define MSR_X2APIC_ID         0x802
#define MSR_MTRR_DEFAULT      0x2ff
#define MTRR_ENABLED          0x800
#define CR0_CD                0x40000000

	.code64
	.section .text.window, "ax", @progbits
	.balign 16
	.globl window_code, window_boot, window_ap, window_end
	.hidden window_code, window_boot, window_ap, window_end
window_code:

/* ---- The boot CPU, on the bridge ---- */
window_boot:
	mov	$START, %rbx
	mov	START_FINAL_CR3(%rbx), %rax
	mov	%rax, %cr3
	mov	START_STACK(%rbx), %rsp
	mov	START_ENTRY(%rbx), %r11
	mov	START_ARGUMENT(%rbx), %r12
	xor	%r13d, %r13d

/* On its own stack, to %r11 with argument %r12, in the contract's state. %r13: this CPU's number in the list */
settle:
	imul	START_GDT_STRIDE(%rbx), %r13d
	add	START_GDT(%rbx), %r13
	push	%r13
	pushw	START_GDT_LIMIT(%rbx)
	lgdt	(%rsp)
	add	$10, %rsp
	lidt	START_IDTR(%rbx)
	mov	$KERNEL_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	xor	%eax, %eax
	lldt	%ax
	mov	START_TSS(%rbx), %eax
	test	%eax, %eax
	jz	1f
	ltr	%ax
1:	push	$KERNEL_CS
	lea	settled(%rip), %rax
	push	%rax
	lretq
settled:
	fninit
	push	$KERNEL_MXCSR
	ldmxcsr	(%rsp)
	add	$8, %rsp
enter:
	push	%r11 /* RET takes the target from here, and leaves RSP at the null return address */
	mov	%r12, %rdi
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	pushq	$2 /* all flags clear; bit 1 always reads 1 */
	popfq
	ret

/* ---- Every other CPU, on the bridge ---- */
window_ap:
	mov	$START, %rbx
	mov	START_FINAL_CR3(%rbx), %rax
	mov	%rax, %cr3

	/* CPUs wake with APIC base, PAT and MTRRs of their own: copy the boot CPU's. */
	mov	$MSR_APIC_BASE, %ecx
	rdmsr
	mov	%eax, %esi
	and	$APIC_BASE_BOOT_CPU, %esi
	mov	START_APIC_BASE(%rbx), %edi
	or	%edi, %esi
	mov	START_APIC_BASE + 4(%rbx), %edi
	cmp	%esi, %eax
	jne	1f
	cmp	%edi, %edx
	je	9f
	/* Out of x2APIC mode the only way leads through "disabled" (Intel SDM 3A 11.12.5). */
1:	test	$APIC_BASE_X2, %eax
	jz	2f
	test	$APIC_BASE_X2, %esi
	jnz	2f
	and	$~(APIC_BASE_X2 | APIC_BASE_ENABLED), %eax
	wrmsr
2:	mov	%esi, %eax
	mov	%edi, %edx
	wrmsr
9:	mov	START_PAT(%rbx), %eax
	mov	START_PAT + 4(%rbx), %edx
	test	%eax, %eax
	jz	3f
	mov	$MSR_PAT, %ecx
	wrmsr
3:	lea	START_MSRS(%rbx), %rsi
	mov	START_MSR_COUNT(%rbx), %edi
4:	sub	$1, %edi
	js	7f
	mov	(%rsi), %ecx
	rdmsr
	cmp	8(%rsi), %eax
	jne	5f
	cmp	12(%rsi), %edx
	jne	5f
	add	$16, %rsi
	jmp	4b

	/* Intel SDM 3A 12.11.8: caches off and empty, MTRRs off, write, all on again. The list ends with
	   IA32_MTRR_DEF_TYPE. */
5:	mov	%cr0, %r8
	mov	%r8, %rax
	or	$CR0_CD, %eax
	mov	%rax, %cr0
	wbinvd
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$MSR_MTRR_DEFAULT, %ecx
	rdmsr
	and	$~MTRR_ENABLED, %eax
	wrmsr
	lea	START_MSRS(%rbx), %rsi
	mov	START_MSR_COUNT(%rbx), %edi
6:	mov	(%rsi), %ecx
	mov	8(%rsi), %eax
	mov	12(%rsi), %edx
	wrmsr
	add	$16, %rsi
	dec	%edi
	jnz	6b
	wbinvd
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	%r8, %cr0

	/* This CPU's ID is what its local APIC says: CPUID's can differ, where firmware renumbers (Limine 8.0.5). */
7:	mov	START_APIC_BASE(%rbx), %rax
	test	$APIC_BASE_X2, %eax
	jz	8f
	mov	$MSR_X2APIC_ID, %ecx
	rdmsr
	jmp	9f
8:	mov	$APIC_ADDRESS_MASK, %rcx
	and	%rcx, %rax
	add	START_DIRECT_MAP(%rbx), %rax
	mov	APIC_ID(%rax), %eax
	shr	$24, %eax
9:	mov	START_CPUS(%rbx), %r12
	mov	START_CPU_COUNT(%rbx), %ecx
10:	cmp	%eax, CPU_APIC_ID(%r12)
	je	11f
	add	$CPU_SIZE, %r12
	dec	%ecx
	jnz	10b
	jmp	stopped /* not in the list: nobody waits for it */
11:	mov	CPU_STACK(%r12), %rsp
	test	%rsp, %rsp
	jz	stopped /* given up already: it has no stack any more */
	sub	$8, %rsp
	mov	START_CPU_COUNT(%rbx), %r13d
	sub	%ecx, %r13d
	lea	park(%rip), %r11
	jmp	settle

/* ---- Waiting, on an own stack, with the CPU's entry of the list in %rdi ---- */
park:
	mov	%rdi, %r12
	/* The state changes from 0 only. The boot CPU makes it "absent" when it gives up, and then this CPU is too late. */
	xor	%eax, %eax
	mov	$STATE_PARKED, %ecx
	lock cmpxchg %ecx, CPU_STATE(%r12)
	jne	stopped
	/* Not MONITOR and MWAIT: stores go unseen on Lunar Lake and Goldmont (Linux: X86_BUG_MONITOR) and in Bochs 2.7
	   (stlintel/Bochs #2), and a CPU that sleeps through its only call is lost. */
1:	pause
	mov	CPU_GOTO(%r12), %r11
	test	%r11, %r11
	jz	1b
	mov	CPU_ARGUMENT(%r12), %r12
	jmp	enter

stopped:
	cli
	hlt
	jmp	stopped
window_end:

/*
 * void cross_bridge(uint64_t cr3, uint64_t efer, uint64_t where, uint64_t cr4)
 *
 * The boot CPU leaves: `cr3` maps this code here and `where`. CR4 becomes `cr4`, which must not change LA57.
 */
	.section .text.enter, "ax", @progbits
	.globl cross_bridge, cross_bridge_end
	.hidden cross_bridge, cross_bridge_end
cross_bridge:
	cli
	cld
	mov	%rdx, %rbx
	mov	%rcx, %r8
	/* NXE before any table with NX bits. */
	mov	%esi, %eax
	xor	%edx, %edx
	mov	$MSR_EFER, %ecx
	wrmsr
	mov	$KERNEL_CR0, %eax
	mov	%rax, %cr0
	mov	%r8, %cr4
	mov	%rdi, %cr3
	jmp	*%rbx
cross_bridge_end:

/*
 * The low page: copied to a page below 1 MiB (for the boot CPU alone, anywhere below 4 GiB). Its fields lie behind
 * the code, addressed from the page's start in %ebx.
 */
	.section .text.low, "ax", @progbits
	.balign 16
	.globl low_code, low_boot, low_fields, low_end
	.hidden low_code, low_boot, low_fields, low_end
low_code:
	.code16
	cli
	cld
	xor	%ebx, %ebx
	mov	%cs, %bx
	shl	$4, %ebx
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	low_fields + LOW_GDTR - low_code
	mov	%cr0, %eax
	or	$CR0_PE, %al
	mov	%eax, %cr0
	ljmpl	*(low_fields + LOW_FAR_AP - low_code)

	.code64
/* From cross_bridge(), on tables that map this page one to one. */
low_boot:
	lea	low_code(%rip), %rbx
	lgdt	low_fields + LOW_GDTR(%rip)
	ljmpl	*low_fields + LOW_FAR_BOOT(%rip)

	.code32
	.globl low_boot32, low_ap32
	.hidden low_boot32, low_ap32
low_boot32:
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	$LOW_BOOT, %ebp
	jmp	1f
low_ap32:
	mov	$LOW_AP, %ebp
1:	mov	$LOW_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	lea	low_fields - low_code(%ebx, %ebp), %ebp
	mov	(%ebp), %esi /* window_ap or window_boot */
	mov	4(%ebp), %edi
	mov	low_fields + LOW_CR4 - low_code(%ebx), %eax
	mov	%eax, %cr4
	mov	low_fields + LOW_CR3 - low_code(%ebx), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	low_fields + LOW_EFER - low_code(%ebx), %eax
	xor	%edx, %edx
	wrmsr
	mov	$KERNEL_CR0, %eax
	mov	%eax, %cr0
	ljmpl	*(low_fields + LOW_FAR_64 - low_code)(%ebx)
	.code64
	.globl low_64
	.hidden low_64
low_64:
	shl	$32, %rdi
	mov	%esi, %esi
	or	%rsi, %rdi
	jmp	*%rdi
	.balign 16
low_fields:
	.skip	LOW_SIZE
low_end:

	.section .note.GNU-stack, "", @progbits
