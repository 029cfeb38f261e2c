//! The assembly: entering a call, resuming a loop, starting a carrier.

use std::arch::asm;
use std::mem::offset_of;

use super::carrier::{Carrier, after_theft};
use super::engine::Engine;
use super::sensor::Sensor;
use super::state::{Phase, Word};

/// How [`call`] came back.
pub(crate) enum Return {
    /// On the same carrier, with the kernel's return value.
    Inline(i64),
    /// The same, and the carrier has been off the CPU since its sensor was armed: the call may have
    /// blocked.
    MaybeLate(i64),
    /// On another carrier, whose standby stole the loop out of the call.
    Stolen,
}

/// The codes that [`call`]'s assembly tells these by.
const INLINE: u64 = 0;
const MAYBE_LATE: u64 = 1;
const STOLEN: u64 = 2;

/// Makes a system call on `carrier`, the one that runs the loop now.
///
/// The caller's context is saved in the engine and the carrier moves to its own stack (and FS
/// base) before the call becomes stealable. When the call ends, the carrier either takes the state
/// word back and returns here, or finds it taken and goes to [`after_theft`]. Nothing is left by
/// `ret`: the code is inlined, because a `ret` after a system call is mispredicted.
///
/// # Safety
/// `carrier` runs the calling logical thread, `word` is this call's `InSyscall` value, and the
/// arguments stay valid until the call ends, in whatever way.
#[inline(always)]
pub(crate) unsafe fn call(
    engine: &Engine,
    carrier: *const Carrier,
    word: Word,
    number: usize,
    args: &[usize; 6],
) -> Return {
    let (value, how) = if engine.swap_fs {
        // SAFETY: the caller's promise.
        unsafe { call_swapping(engine, carrier, word, number, args) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { call_plainly(engine, carrier, word, number, args) }
    };
    match how {
        INLINE => Return::Inline(value),
        MAYBE_LATE => Return::MaybeLate(value),
        _ => Return::Stolen,
    }
}

/// Saves the loop's context for who goes on as the loop, at label 5, and changes to the stack of the
/// carrier in r13. The engine is in r12; rcx is used up.
macro_rules! leave_stack {
    () => {
        "push rbx
        push rbp
        sub rsp, 8
        stmxcsr [rsp]
        fnstcw [rsp + 4]
        lea rcx, [rip + 5f]
        mov [r12 + {saved_ip}], rcx
        mov [r12 + {saved_sp}], rsp
        mov rsp, [r13 + {stack_top}]"
    };
}
pub(super) use leave_stack;

/// Takes back what [`leave_stack`] has saved but the stack pointer, which is 24 bytes too low.
macro_rules! back_on_stack {
    () => {
        "ldmxcsr [rsp]
        fldcw [rsp + 4]
        mov rbp, [rsp + 8]
        mov rbx, [rsp + 16]"
    };
}
pub(super) use back_on_stack;

/// Defines a kind of call, with what it does before it becomes stealable, back from the kernel, and
/// when it is no longer stealable.
///
/// What happens when nothing blocks is one straight line of code; the rest is out of its way, at
/// the end of the section. A kernel entry and its exit leave the processor little to overlap: here
/// each instruction counts, and in the calls that use much of the instruction cache, each line. Of
/// what needs memory, as much as possible comes before a change of the FS base, over which the
/// processor does not work ahead.
macro_rules! kind_of_call {
    ($(#[$doc:meta])* $name:ident, $before:literal, $back:literal, $after:literal, $($operand:tt)*) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As for [`call`].
        #[inline(always)]
        unsafe fn $name(
            engine: &Engine,
            carrier: *const Carrier,
            word: Word,
            number: usize,
            args: &[usize; 6],
        ) -> (i64, u64) {
            let value: i64;
            let how: u64;
            // SAFETY: rbx, rbp and the floating-point control words are left alone where the call
            // ends inline, and restored where it is stolen; the stack pointer is restored on both
            // ways; every other register is declared as clobbered. Only the winner of the
            // compare-and-swap on the state word goes on as the loop, so the saved stack has one
            // user.
            unsafe {
                asm!(
                    leave_stack!(),
                    $before,
                    // The instruction in the second half of its cache line: elsewhere, calls were up to
                    // 10 ns slower, by where the linker had put them.
                    ".p2align 6",
                    ".nops 32",
                    "mov r15, rax",
                    // From here on the loop may be stolen.
                    "mov [r12 + {state}], r14",
                    "syscall",
                    $back,
                    "mov rcx, rax",
                    "mov rax, r14",
                    "lea rdx, [r14 - {in_syscall}]",
                    "lock cmpxchg [r12 + {state}], rdx",
                    "jne 4f",
                    // Not stolen, and no longer stealable.
                    "mov rsp, [r12 + {saved_sp}]",
                    "mov rax, rcx",
                    "xor edx, edx",
                    "cmp qword ptr [r13 + {hint}], 0",
                    "je 3f",
                    $after,
                    "2:",
                    "add rsp, 24",
                    ".subsection 1",
                    "3:",
                    "mov edx, {maybe_late}",
                    $after,
                    "jmp 2b",
                    // Stolen: the loop is gone; this is a bare carrier with a result.
                    "4:",
                    "mov rdx, [r13 + {carrier_fs}]",
                    "wrfsbase rdx",
                    "mov rdi, r13",
                    "mov rsi, r14",
                    "mov rdx, r15",
                    // The end of its stack, for who walks frames.
                    "xor ebp, ebp",
                    "call {after_theft}",
                    "ud2",
                    // The thief comes here, with the loop's stack and FS base.
                    "5:",
                    back_on_stack!(),
                    "mov edx, {stolen}",
                    "jmp 2b",
                    ".previous",
                    state = const offset_of!(Engine, state),
                    saved_sp = const offset_of!(Engine, saved_sp),
                    saved_ip = const offset_of!(Engine, saved_ip),
                    stack_top = const offset_of!(Carrier, stack_top),
                    carrier_fs = const offset_of!(Carrier, fs_base),
                    hint = const offset_of!(Carrier, sensor) + Sensor::HINT,
                    in_syscall = const Phase::InSyscall as u64,
                    maybe_late = const MAYBE_LATE,
                    stolen = const STOLEN,
                    after_theft = sym after_theft,
                    $($operand)*
                    inlateout("rax") number => value,
                    inlateout("rdi") args[0] => _,
                    inlateout("rsi") args[1] => _,
                    inlateout("rdx") args[2] => how,
                    inlateout("r10") args[3] => _,
                    inlateout("r8") args[4] => _,
                    inlateout("r9") args[5] => _,
                    inlateout("r12") engine => _,
                    inlateout("r13") carrier => _,
                    inlateout("r14") word.0 => _,
                    lateout("r15") _,
                    clobber_abi("C"),
                );
            }
            (value, how)
        }
    };
}

kind_of_call!(
    /// With the loop's FS base all the time. What the loop needs next comes into the cache while its
    /// state is being swapped: 6 ns in a call that has used much of the cache.
    call_plainly,
    "",
    "prefetcht0 [r13 + {hint}]\nmov rcx, [r12 + {saved_sp}]\nprefetcht0 [rcx]",
    "",
);
kind_of_call!(
    /// With the carrier's FS base while the loop may be stolen.
    call_swapping,
    "mov rcx, [r13 + {carrier_fs}]\nwrfsbase rcx",
    "",
    "mov rcx, [r12 + {loop_fs}]\nwrfsbase rcx",
    loop_fs = const offset_of!(Engine, loop_fs),
);

/// Continues the loop on the calling carrier, out of the call it was stolen from, or of its nap.
///
/// # Safety
/// The caller has won the state word from `InSyscall`, or ended the nap, is a carrier on its own stack, and has made
/// itself the engine's current carrier.
pub(crate) unsafe fn resume(engine: &Engine) -> ! {
    // SAFETY: the context was saved by `call` before the word became stealable, or by `nap` before
    // the nap began, and nobody else may use it since either was won.
    unsafe {
        asm!(
            "wrfsbase {fs}",
            "mov rsp, {sp}",
            "jmp {ip}",
            fs = in(reg) engine.loop_fs,
            sp = in(reg) engine.saved_sp.get(),
            ip = in(reg) engine.saved_ip.get(),
            options(noreturn),
        );
    }
}

/// Starts a kernel thread in this address space, on `carrier`'s stack, running `main(carrier)`.
/// Returns its id, or a negative error number.
///
/// # Safety
/// `carrier` is new and stays valid until the kernel clears its `alive` word.
pub(crate) unsafe fn spawn(carrier: &Carrier, main: extern "C" fn(&'static Carrier) -> !) -> i64 {
    const FLAGS: i32 = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SETTLS
        | libc::CLONE_CHILD_CLEARTID;
    let id;
    // SAFETY: the child starts on an empty stack of its own and never leaves `main`; the parent
    // sees a plain system call.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone => id,
            in("rdi") FLAGS as i64,
            in("rsi") carrier.stack_top,
            in("rdx") 0,
            in("r10") carrier.alive.as_ptr(),
            in("r8") carrier.fs_base,
            in("r12") carrier,
            in("r13") main,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    id
}

/// The calling thread's FS base: where its thread-local storage is.
pub(crate) fn fs_base() -> usize {
    let base;
    // SAFETY: reads a register; only reached where FSGSBASE is enabled.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}
