//! Meters read from outside: what processes used, and what the machine took.

use std::{fs, io};

use sim::engine::Nanos;

use super::error::{Attempting, EmulateError};

/// What a thread or a process has used so far; subtract two snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUse {
    /// CPU time, user and kernel.
    pub cpu: Nanos,
    /// Times it gave up the CPU by itself: it slept.
    pub voluntary_switches: u64,
    /// Times it was preempted.
    pub involuntary_switches: u64,
}

impl CpuUse {
    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            voluntary_switches: self.voluntary_switches - earlier.voluntary_switches,
            involuntary_switches: self.involuntary_switches - earlier.involuntary_switches,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            voluntary_switches: self.voluntary_switches + other.voluntary_switches,
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
        }
    }
}

/// Reads `/proc/PID/task`: the scheduler's CPU time and context switches,
/// without touching the process. Exact for a thread that is not running just
/// then; one that is may be a timer tick behind (4 ms at 250 Hz).
#[derive(Clone, Copy, Debug)]
pub struct ProcessMeter;

impl ProcessMeter {
    /// The sum over the threads that `pid` has now. A thread that has ended is
    /// no longer counted: take both snapshots while the same threads live.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn snapshot(pid: u32) -> Result<CpuUse, EmulateError> {
        let total = Self::threads(pid)?
            .into_iter()
            .fold(CpuUse::default(), |sum, (_, used)| sum.plus(used));
        Ok(total)
    }

    /// Each thread of `pid`, with its number. A thread that ends while it is
    /// being read is left out.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn threads(pid: u32) -> Result<Vec<(u32, CpuUse)>, EmulateError> {
        let folder = format!("/proc/{pid}/task");
        let entries = fs::read_dir(&folder).attempting(|| format!("read {folder}"))?;
        let numbers = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(numbers
            .filter_map(|tid| Some((tid, Self::thread(pid, tid).ok()?)))
            .collect())
    }

    /// One thread of `pid`.
    ///
    /// # Errors
    /// If there is no such thread.
    pub fn thread(pid: u32, tid: u32) -> Result<CpuUse, EmulateError> {
        let folder = format!("/proc/{pid}/task/{tid}");
        read_thread(&folder).attempting(|| format!("read the meters in {folder}"))
    }
}

fn read_thread(folder: &str) -> io::Result<CpuUse> {
    let schedstat = fs::read_to_string(format!("{folder}/schedstat"))?;
    let status = fs::read_to_string(format!("{folder}/status"))?;
    Ok(CpuUse {
        cpu: Nanos(number(schedstat.split_whitespace().next())?),
        voluntary_switches: number(field(&status, "voluntary_ctxt_switches:"))?,
        involuntary_switches: number(field(&status, "nonvoluntary_ctxt_switches:"))?,
    })
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|t| t.trim().parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// What one CPU has done so far, in the kernel's ticks (10 ms on most
/// machines): compare snapshots at least a second apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTicks {
    /// Running something: user, nice, system, interrupts.
    pub busy: Nanos,
    /// Wanted by us, given by the hypervisor to another guest.
    pub steal: Nanos,
    /// Nothing to run, or waiting for I/O.
    pub idle: Nanos,
}

/// Where an interval's CPU time went that no process of ours got.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuNotOurs {
    /// Share of all CPUs' time that the hypervisor took.
    pub steal: f64,
    /// Share that other processes, interrupts and kernel threads took. The
    /// kernel threads that work for us (the loop device's) are in it.
    pub others: f64,
}

/// A snapshot of the machine's CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCpu {
    /// By CPU number.
    pub cpus: Vec<CpuTicks>,
}

impl HostCpu {
    /// Reads `/proc/stat`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn snapshot() -> Result<Self, EmulateError> {
        let action = || "read /proc/stat".to_owned();
        let text = fs::read_to_string("/proc/stat").attempting(action)?;
        Self::parse(&text, tick()).attempting(action)
    }

    fn parse(text: &str, tick: Nanos) -> io::Result<Self> {
        let cpus = text
            .lines()
            .filter_map(|line| line.strip_prefix("cpu"))
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .map(|rest| parse_cpu(rest, tick))
            .collect::<io::Result<_>>()?;
        Ok(Self { cpus })
    }

    /// Where the time since `earlier` went that is not `ours`, the CPU time
    /// that our own processes used in the interval.
    pub fn not_ours_since(&self, earlier: &Self, ours: Nanos) -> CpuNotOurs {
        let total = |part: fn(&CpuTicks) -> Nanos| {
            let sum = |host: &Self| host.cpus.iter().map(part).sum::<Nanos>();
            sum(self).saturating_sub(sum(earlier))
        };
        let (busy, steal) = (total(|c| c.busy), total(|c| c.steal));
        let all = (busy + steal + total(|c| c.idle)).as_secs_f64();
        if all == 0.0 {
            return CpuNotOurs {
                steal: 0.0,
                others: 0.0,
            };
        }
        CpuNotOurs {
            steal: steal.as_secs_f64() / all,
            others: busy.saturating_sub(ours).as_secs_f64() / all,
        }
    }
}

/// The fields are, after the CPU's number: user, nice, system, idle, iowait,
/// irq, softirq, steal (proc(5); guest time is already in user).
fn parse_cpu(line: &str, tick: Nanos) -> io::Result<CpuTicks> {
    let mut fields = line.split(' ').skip(1).map(|f| number(Some(f)));
    let mut next = || fields.next().unwrap_or_else(|| number(None));
    let [user, nice, system] = [next()?, next()?, next()?];
    let [idle, iowait, irq, softirq, steal] = [next()?, next()?, next()?, next()?, next()?];
    Ok(CpuTicks {
        busy: tick * (user + nice + system + irq + softirq),
        steal: tick * steal,
        idle: tick * (idle + iowait),
    })
}

fn tick() -> Nanos {
    // SAFETY: sysconf takes a number and touches no memory.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Nanos(1_000_000_000 / per_second.max(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  30 0 30 140 0 0 0 0 0 0\n\
                        cpu0 10 0 10 80 0 0 0 0 0 0\n\
                        cpu1 20 0 20 60 0 0 0 0 0 0\n\
                        intr 5 6\n";
    const LATER: &str = "cpu  60 0 40 210 10 5 5 10 0 0\n\
                         cpu0 30 0 20 120 0 5 5 0 0 0\n\
                         cpu1 30 0 20 90 10 0 0 10 0 0\n";

    #[test]
    fn time_not_ours_is_steal_and_what_is_busy_beyond_our_own() {
        let tick = Nanos::from_millis(10);
        let (before, after) = (
            HostCpu::parse(STAT, tick).expect("valid"),
            HostCpu::parse(LATER, tick).expect("valid"),
        );
        // Ticks: busy 40 on CPU 0 and 10 on CPU 1, steal 10, idle or waiting 80.
        let share = after.not_ours_since(&before, Nanos::from_millis(300));
        let all = 0.5 + 0.1 + 0.8;
        assert!((share.steal - 0.1 / all).abs() < 1e-12, "{share:?}");
        assert!((share.others - 0.2 / all).abs() < 1e-12, "{share:?}");
    }

    #[test]
    fn a_truncated_line_is_an_error() {
        assert!(HostCpu::parse("cpu0 1 2 3\n", Nanos(1)).is_err());
    }

    #[test]
    fn the_meter_sees_this_process_burn_its_cpu() {
        let pid = std::process::id();
        let before = ProcessMeter::snapshot(pid).expect("this process exists");
        let burnt = burn(Nanos::from_millis(20));
        std::thread::sleep(std::time::Duration::from_millis(1));
        let used = ProcessMeter::snapshot(pid).expect("this process exists");
        assert!(used.since(before).cpu >= burnt, "{used:?} {burnt}");
    }

    /// Runs until the calling thread has used `cpu`; returns what it used.
    fn burn(cpu: Nanos) -> Nanos {
        let start = thread_cpu();
        loop {
            let used = thread_cpu() - start;
            if used >= cpu {
                return used;
            }
        }
    }

    fn thread_cpu() -> Nanos {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid timespec to write to.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    #[test]
    fn the_meter_counts_a_sleep_as_a_voluntary_switch() {
        let (pid, tid) = (
            std::process::id(),
            super::super::realtime::thread_id() as u32,
        );
        let before = ProcessMeter::thread(pid, tid).expect("this thread exists");
        std::thread::sleep(std::time::Duration::from_millis(1));
        let used = ProcessMeter::thread(pid, tid).expect("this thread exists");
        assert!(used.since(before).voluntary_switches >= 1);
    }
}
