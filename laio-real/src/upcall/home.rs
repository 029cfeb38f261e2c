//! The kernel thread that the loop starts on: what the engine needs of it and changes about it.

use std::mem::MaybeUninit;
use std::{io, ptr};

use super::sys;
use crate::Error;

/// Refuses where resuming the loop on another kernel thread cannot work.
pub(crate) fn check_processor() -> Result<(), Error> {
    /// From the kernel's `asm/hwcap2.h`.
    const HWCAP2_FSGSBASE: libc::c_ulong = 1 << 1;
    // SAFETY: the auxiliary vector can always be asked.
    if unsafe { libc::getauxval(libc::AT_HWCAP2) } & HWCAP2_FSGSBASE == 0 {
        return Err(Error::NoFsgsbase);
    }
    if has_shadow_stack() {
        Err(Error::ShadowStack)
    } else {
        Ok(())
    }
}

fn has_shadow_stack() -> bool {
    /// From the kernel's `asm/prctl.h`.
    const ARCH_SHSTK_STATUS: usize = 0x5005;
    const ARCH_SHSTK_SHSTK: u64 = 1;
    let mut features = 0u64;
    let args = [ARCH_SHSTK_STATUS, &raw mut features as usize, 0, 0];
    // SAFETY: the call writes eight bytes; kernels without shadow stacks refuse it.
    let status = unsafe { sys::raw(libc::SYS_arch_prctl, args) };
    status == 0 && features & ARCH_SHSTK_SHSTK != 0
}

/// The scheduling of the calling thread before the engine changed it.
pub(crate) struct Scheduling {
    policy: i32,
    cpus: libc::cpu_set_t,
}

impl Scheduling {
    /// Pins the calling thread to `cpu`, or to the one it is on, as `SCHED_BATCH`: carriers that
    /// are woken then queue behind the loop instead of preempting it.
    pub(crate) fn pin(cpu: Option<usize>) -> Result<Self, Error> {
        // SAFETY: takes no memory.
        let policy = unsafe { libc::sched_getscheduler(0) };
        if policy != libc::SCHED_OTHER && policy != libc::SCHED_BATCH {
            return Err(Error::SchedulingPolicy(policy));
        }
        let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: the call fills at most the size it is told; all zeroes are the empty set.
        let cpus = unsafe {
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), cpus.as_mut_ptr());
            cpus.assume_init()
        };
        let before = Self { policy, cpus };
        let cpu = cpu.unwrap_or_else(current_cpu);
        set_cpus(&only(cpu)).map_err(|source| Error::Pin { cpu, source })?;
        set_policy(libc::SCHED_BATCH);
        Ok(before)
    }

    /// Gives the calling thread its former scheduling back.
    pub(crate) fn restore(&self) {
        set_policy(self.policy);
        // The former set was valid; if its processors have gone, staying pinned is all there is.
        let _ = set_cpus(&self.cpus);
    }
}

/// From SCHED_OTHER to SCHED_BATCH and back is allowed to everybody; if not, the engine works all
/// the same, with more context switches.
fn set_policy(policy: i32) {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: a valid parameter; 0 is the calling thread.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
}

fn set_cpus(cpus: &libc::cpu_set_t) -> io::Result<()> {
    // SAFETY: a valid set of the size told.
    let status =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), ptr::from_ref(cpus)) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The set of one processor; empty, and so refused by the kernel, if there can be no such one.
fn only(cpu: usize) -> libc::cpu_set_t {
    // SAFETY: all zeroes are the empty set; `CPU_SET` ignores what is out of range.
    unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        if cpu < libc::CPU_SETSIZE as usize {
            libc::CPU_SET(cpu, &mut set);
        }
        set
    }
}

/// Not `sched_getcpu`, which may read an rseq area.
fn current_cpu() -> usize {
    let mut cpu = 0u32;
    // SAFETY: the call writes four bytes.
    unsafe { sys::raw(libc::SYS_getcpu, [&raw mut cpu as usize, 0, 0, 0]) };
    cpu as usize
}
