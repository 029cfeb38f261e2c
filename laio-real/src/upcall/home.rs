//! The kernel thread that the loop starts on: what the engine needs of it and changes about it.

use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
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

/// The processors that the loops of this process are pinned to.
static TAKEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A processor taken for a loop. Dropping it frees it.
struct TakenCpu(usize);

impl TakenCpu {
    /// Takes `wanted`; if there is no such wish, the one of `allowed` that the fewest loops have,
    /// preferably the calling thread's.
    fn new(wanted: Option<usize>, allowed: &libc::cpu_set_t) -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let cpu = wanted.unwrap_or_else(|| {
            let here = current_cpu();
            (0..libc::CPU_SETSIZE as usize)
                // SAFETY: a valid set, and a number below its size.
                .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, allowed) })
                .min_by_key(|&cpu| {
                    let loops = taken.iter().filter(|&&other| other == cpu).count();
                    (loops, cpu != here)
                })
                .unwrap_or(here)
        });
        taken.push(cpu);
        Self(cpu)
    }
}

impl Drop for TakenCpu {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = taken.iter().position(|&cpu| cpu == self.0) {
            taken.swap_remove(at);
        }
    }
}

/// The time slice of the loop and its carriers: the shortest that Linux grants (6.12 and later;
/// earlier kernels ignore it).
///
/// A blocked call takes the engine only microseconds of CPU, yet each time, somebody else may be
/// on the loop's CPU just then. With a slice shorter than theirs, a thread of the engine that is
/// woken runs at once instead of when their slice ends (at a tick, every 4 ms here). And the
/// scheduler charges a whole slice for a yield, so beside others a watcher with a long slice uses
/// up the loop's share. Operations per second with the yield detector on a CPU, alone and beside a
/// computing process (`blocked_op --beside`; Linux 6.18), and `SCHED_BATCH` for comparison:
///
/// | | pipe | 32 naps | 32 cold reads | plain cold reads on the loop's thread |
/// |---|---|---|---|---|
/// | alone, 100 us | 137,000 | 63,000 | 55,000 | 12,000 |
/// | alone, default slice | 145,000 | 63,000 | 67,000 | 12,000 |
/// | alone, `SCHED_BATCH` | 161,000 | 63,000 | 61,000 | 12,000 |
/// | beside, 100 us | 50,000 | 59,000 | 56,000 | 13,000 |
/// | beside, default slice | 9,000 | 16,000 | 25,000 | 12,000 |
/// | beside, `SCHED_BATCH` | 56,000 | 8,000 | 10,000 | 250 |
///
/// Threads that are `SCHED_BATCH` never preempt, which beside others makes every wake-up wait for
/// their tick. A loop that is `SCHED_BATCH` when the engine starts stays so.
const SLICE: Duration = Duration::from_micros(100);

/// The scheduling of the loop's thread: as it was before the engine changed it, and as it is.
pub(crate) struct Scheduling {
    /// `None`: the kernel's default.
    slice: Option<Duration>,
    cpus: libc::cpu_set_t,
    /// `None`: it goes where it did before.
    pinned: Option<TakenCpu>,
}

impl Scheduling {
    /// Gives the calling thread the short [`SLICE`]. Pins it to `cpu`, or, with `pinned`, to one
    /// that other loops leave free.
    pub(crate) fn change(cpu: Option<usize>, pinned: bool) -> Result<Self, Error> {
        // SAFETY: takes no memory.
        let policy = unsafe { libc::sched_getscheduler(0) };
        if policy != libc::SCHED_OTHER && policy != libc::SCHED_BATCH {
            return Err(Error::SchedulingPolicy(policy));
        }
        let cpus = allowed_cpus();
        let scheduling = Self {
            slice: own_slice(),
            cpus,
            pinned: (pinned || cpu.is_some()).then(|| TakenCpu::new(cpu, &cpus)),
        };
        scheduling.apply().inspect_err(|_| scheduling.restore())?;
        Ok(scheduling)
    }

    /// Changes the calling thread, again.
    pub(crate) fn apply(&self) -> Result<(), Error> {
        set_slice(Some(SLICE));
        if let Some(TakenCpu(cpu)) = self.pinned {
            set_cpus(&only(cpu)).map_err(|source| Error::Pin { cpu, source })?;
        }
        Ok(())
    }

    /// Gives the calling thread its former scheduling back.
    pub(crate) fn restore(&self) {
        set_slice(self.slice);
        if self.pinned.is_some() {
            // The former set was valid; if its processors have gone, staying pinned is all there is.
            let _ = set_cpus(&self.cpus);
        }
    }
}

/// The calling thread's time slice, or `None` if that is the kernel's default, which it then has
/// again.
fn own_slice() -> Option<Duration> {
    let own = scheduling_attributes()?.sched_runtime;
    set_slice(None);
    let default = scheduling_attributes()?.sched_runtime;
    (own != default).then(|| Duration::from_nanos(own))
}

/// Sets the calling thread's time slice, `None` for the kernel's default, and nothing else. It
/// needs no privilege; where a sandbox refuses it all the same, or the kernel is older than 6.12,
/// the engine works with the default.
fn set_slice(slice: Option<Duration>) {
    if let Some(mut attributes) = scheduling_attributes() {
        attributes.sched_runtime = slice.map_or(0, |slice| slice.as_nanos() as u64);
        let attributes = ptr::from_ref(&attributes) as usize;
        // SAFETY: the call reads a structure whose first field tells its size; 0 is the calling
        // thread.
        unsafe { sys::raw(libc::SYS_sched_setattr, [0, attributes, 0, 0]) };
    }
}

/// The calling thread's policy, nice value and time slice; `None` where that may not be asked.
fn scheduling_attributes() -> Option<libc::sched_attr> {
    let mut attributes = MaybeUninit::<libc::sched_attr>::zeroed();
    let size = size_of::<libc::sched_attr>();
    let args = [0, attributes.as_mut_ptr() as usize, size, 0];
    // SAFETY: the call fills at most the size it is told; all zeroes are a valid value.
    unsafe {
        let status = sys::raw(libc::SYS_sched_getattr, args);
        (status == 0).then(|| attributes.assume_init())
    }
}

/// Whether the calling thread may set its processors.
pub(crate) fn try_to_pin() -> io::Result<()> {
    set_cpus(&allowed_cpus())
}

fn allowed_cpus() -> libc::cpu_set_t {
    let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the call fills at most the size it is told; all zeroes are the empty set.
    unsafe {
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), cpus.as_mut_ptr());
        cpus.assume_init()
    }
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
