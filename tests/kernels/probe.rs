// SPDX-License-Identifier: BSD-2-Clause
//! The probe kernel once more, from rustc: built for the host's target, since that is the only standard
//! library that a distribution's rustc brings. That target's code uses SSE, so it is switched on first.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::ptr::addr_of;

const COM1: u16 = 0x3f8;
const DEBUG_EXIT: u16 = 0xf4;
const MAGIC: u64 = 0x544f_4f42_4e49_5754; // "TWINBOOT"

global_asm!(
    ".globl _start",
    "_start:",
    "mov rax, cr0",
    "and ax, 0xfffb", // no EM
    "or ax, 2",       // MP
    "mov cr0, rax",
    "mov rax, cr4",
    "or ax, 0x600", // OSFXSR, OSXMMEXCPT
    "mov cr4, rax",
    "jmp kernel_main",
);

static mut ZEROS: [u64; 8192] = [0; 8192];
static mut NUMBERS: [u32; 4] = [2, 3, 5, 7];
static WORDS: [&str; 2] = ["relocations=", "applied\n"];

#[no_mangle]
extern "C" fn kernel_main(handoff: *const u64) -> ! {
    let bss = unsafe { (0..8192).all(|i| addr_of!(ZEROS[i]).read_volatile() == 0) };
    let sum: u32 = unsafe { (0..4).map(|i| addr_of!(NUMBERS[i]).read_volatile()).sum() };
    let magic = unsafe { handoff.read_volatile() };
    print(if bss { "\nprobe.bss=zero\n" } else { "\nprobe.bss=dirty\n" });
    print(if sum == 17 { "probe.data=intact\n" } else { "probe.data=changed\n" });
    print("probe.");
    for i in 0..2 {
        print(unsafe { addr_of!(WORDS[i]).read_volatile() });
    }
    print(if magic == MAGIC { "probe.handoff=present\n" } else { "probe.handoff=absent\n" });
    let good = bss && sum == 17 && magic == MAGIC;
    print(if good { "probe.result=ok\n" } else { "probe.result=failed\n" });
    out(DEBUG_EXIT, if good { 0x10 } else { 0x11 });
    loop {
        unsafe { asm!("hlt") };
    }
}

fn print(text: &str) {
    text.bytes().for_each(|byte| out(COM1, byte));
}

fn out(port: u16, value: u8) {
    unsafe { asm!("out dx, al", in("dx") port, in("al") value) };
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    out(DEBUG_EXIT, 0x12);
    loop {}
}
