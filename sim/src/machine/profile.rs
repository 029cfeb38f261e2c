//! The machine profile: what every operation costs on one machine, each figure with its source.
//!
//! `laiosim calibrate` measures one and writes it; the figures of a profile are never adjusted to
//! a run that they are judged on.

use serde::{Deserialize, Serialize};

use crate::engine::Nanos;
use crate::scenario::units::Bytes;

/// A figure and where it comes from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The figure.
    pub value: T,
    /// Lower end of the 95 % interval, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub low: Option<T>,
    /// Upper end of the 95 % interval, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    pub high: Option<T>,
    /// How it was measured, or what it is quoted from.
    pub source: String,
}

fn none<T>() -> Option<T> {
    None
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident / $plain:ident : $type:ty { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: Sourced<$type>,)* }

        #[doc = concat!("The figures of [`", stringify!($name), "`] without their sources.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $plain { $($(#[$field_doc])* pub $field: $type,)* }

        impl $name {
            /// The figures alone.
            pub fn plain(&self) -> $plain {
                $plain { $($field: self.$field.value,)* }
            }

            /// The figures, each changed by `change`, in order.
            #[allow(dead_code, reason = "sizes have no pace")]
            fn each_mut(&mut self, mut change: impl FnMut(&'static str, &mut $type)) {
                $(change(stringify!($field), &mut self.$field.value);)*
            }

            /// Figure by figure, what `merge` makes of those of `all`.
            fn merged(
                all: &[&Self],
                merge: &impl Fn(&[&Sourced<$type>]) -> Sourced<$type>,
            ) -> Self {
                let of = |figure: fn(&Self) -> &Sourced<$type>| {
                    merge(&all.iter().map(|&section| figure(section)).collect::<Vec<_>>())
                };
                Self { $($field: of(|section| &section.$field),)* }
            }

            /// The figures by name, in order.
            pub fn figures(&self) -> Vec<(&'static str, &Sourced<$type>)> {
                vec![$((stringify!($field), &self.$field),)*]
            }
        }
    };
}

section! {
    /// CPU time of calls that do not block, and of the server's own computation.
    CallSection / CallCosts: Nanos {
        /// accept4 of a waiting connection, with its epoll registration and socket options.
        accept,
        /// recv of a request.
        recv,
        /// Understanding a request and preparing its response header.
        parse,
        /// openat by path, name cached.
        open,
        /// fstat of an open file.
        fstat,
        /// stat by path, name cached.
        stat,
        /// pread of cached pages, apart from the pages.
        read,
        /// Each cached page of a pread: look-up and copy of 4 KiB.
        read_page,
        /// send, apart from the pages; on loopback with the receiver's softirq work.
        send,
        /// Each 4 KiB of a send.
        send_page,
        /// close of a file.
        close,
        /// close of a connection.
        hang_up,
        /// epoll_wait, apart from the events.
        epoll_wait,
        /// Each event that epoll_wait returns.
        epoll_event,
        /// A socket call that returns EAGAIN.
        would_block,
        /// sendfile, apart from the pages; on loopback with the receiver's softirq work.
        sendfile,
        /// Each cached page of a sendfile: moved by reference, not copied.
        sendfile_page,
        /// Mapping a file and taking the mapping back.
        map,
        /// A page fault on a cached page: Linux maps up to 16 pages around it
        /// (`fault_around_bytes`).
        fault,
        /// Writing a line to the access log: a buffered write.
        log,
        /// The block-rate meter around one file operation: part of the measured servers, which
        /// the simulator therefore charges too where the scenario says `server.metered`.
        meter,
    }
}

section! {
    /// What the kernel adds when something is absent, waits or wakes.
    KernelSection / KernelCosts: Nanos {
        /// Switch from one process to another on the same CPU.
        context_switch,
        /// CPU time of waking a process on the same CPU.
        wake_same_cpu,
        /// CPU time of waking a process on another CPU that is busy.
        wake_busy_cpu,
        /// Each absent page: allocation and insertion into the cache.
        miss_page,
        /// Each page reclaimed to make room.
        reclaim_page,
        /// Each request to the disk: building and submitting it, going to sleep and waking in it.
        disk_submit,
        /// Each completion of a disk request, on the CPU that takes the interrupt.
        disk_interrupt,
        /// Where the disk is emulated: CPU time of the threads that are the disk, for each request,
        /// on the CPU that takes the interrupt. Each request has to wake them there. Zero: a disk
        /// that is a device of its own.
        disk_worker,
        /// Time between the disk's completion and the wake-up that it is not busy: the path through driver,
        /// emulation and controller.
        disk_path,
        /// Each message from a client, on the CPU that takes the interrupt; zero on loopback,
        /// where the sender pays.
        net_interrupt,
        /// How long a cached page stays before the kernel's proactive page-out takes it, used or
        /// not (DAMON's `pageout` scheme judges whole regions of memory by one page each). Zero:
        /// there is none.
        pageout_age,
        /// Building a name's and inode's cache entry from its blocks.
        metadata_fill,
    }
}

section! {
    /// A cost by how long ago something last happened. Between the times that were measured
    /// interpolated linearly in their logarithm; below the first and above the last, theirs.
    CurveSection / Curve: Nanos {
        /// After 30 us.
        after_30us,
        /// After 100 us.
        after_100us,
        /// After 300 us.
        after_300us,
        /// After 1 ms.
        after_1ms,
        /// After 3 ms.
        after_3ms,
        /// After 5 ms.
        after_5ms,
        /// After 10 ms.
        after_10ms,
    }
}

/// The times of a [`CurveSection`].
pub const IDLE_TIMES: [Nanos; 7] = [
    Nanos::from_micros(30),
    Nanos::from_micros(100),
    Nanos::from_micros(300),
    Nanos::from_micros(1_000),
    Nanos::from_micros(3_000),
    Nanos::from_micros(5_000),
    Nanos::from_micros(10_000),
];

impl CurveSection {
    /// The curve of these figures, one for each of [`IDLE_TIMES`].
    pub fn of(figures: [Sourced<Nanos>; IDLE_TIMES.len()]) -> Self {
        let [
            after_30us,
            after_100us,
            after_300us,
            after_1ms,
            after_3ms,
            after_5ms,
            after_10ms,
        ] = figures;
        Self {
            after_30us,
            after_100us,
            after_300us,
            after_1ms,
            after_3ms,
            after_5ms,
            after_10ms,
        }
    }
}

impl Curve {
    /// What it costs `time` after the last.
    pub fn after(&self, time: Nanos) -> Nanos {
        let at = [
            self.after_30us,
            self.after_100us,
            self.after_300us,
            self.after_1ms,
            self.after_3ms,
            self.after_5ms,
            self.after_10ms,
        ];
        let above = IDLE_TIMES.partition_point(|&grid| grid <= time);
        if above == 0 || above == IDLE_TIMES.len() {
            return at[above.saturating_sub(1)];
        }
        let (from, to) = (log2(IDLE_TIMES[above - 1]), log2(IDLE_TIMES[above]));
        let (low, high) = (at[above - 1].0 as f64, at[above].0 as f64);
        Nanos((low + (high - low) * (log2(time) - from) / (to - from)).round() as u64)
    }
}

/// The logarithm, linear between powers of two: at most 0.086 too small, and taken with every
/// wake-up.
fn log2(time: Nanos) -> f64 {
    let power = time.0.max(1).ilog2();
    f64::from(power) + time.0 as f64 / (1_u64 << power) as f64 - 1.0
}

macro_rules! curves {
    (
        $(#[$doc:meta])* $name:ident / $plain:ident {
            $($(#[$field_doc:meta])* $field:ident,)*
        } or absent {
            $($(#[$optional_doc:meta])* $optional:ident,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: CurveSection,)*
            $(
                $(#[$optional_doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<CurveSection>,
            )*
        }

        #[doc = concat!("The figures of [`", stringify!($name), "`] without their sources.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $plain {
            $($(#[$field_doc])* pub $field: Curve,)*
            $($(#[$optional_doc])* pub $optional: Option<Curve>,)*
        }

        impl $name {
            /// The figures alone.
            pub fn plain(&self) -> $plain {
                $plain {
                    $($field: self.$field.plain(),)*
                    $($optional: self.$optional.as_ref().map(CurveSection::plain),)*
                }
            }

            /// The curves by name, in order.
            pub fn curves(&self) -> Vec<(&'static str, &CurveSection)> {
                let mut curves = vec![$((stringify!($field), &self.$field),)*];
                $(curves.extend(self.$optional.as_ref().map(|it| (stringify!($optional), it)));)*
                curves
            }

            /// The figures, each changed by `change`.
            fn each_mut(&mut self, mut change: impl FnMut(&'static str, &mut Nanos)) {
                $(self.$field.each_mut(&mut change);)*
                $(if let Some(curve) = &mut self.$optional { curve.each_mut(&mut change) })*
            }

            /// Figure by figure, what `merge` makes of those of `all`.
            fn merged(
                all: &[&Self],
                merge: &impl Fn(&[&Sourced<Nanos>]) -> Sourced<Nanos>,
            ) -> Self {
                let of = |curve: fn(&Self) -> &CurveSection| {
                    let curves: Vec<_> = all.iter().map(|&one| curve(one)).collect();
                    CurveSection::merged(&curves, merge)
                };
                let if_all_have = |curve: fn(&Self) -> Option<&CurveSection>| {
                    let curves: Option<Vec<_>> = all.iter().map(|&one| curve(one)).collect();
                    curves.map(|curves| CurveSection::merged(&curves, merge))
                };
                Self {
                    $($field: of(|one| &one.$field),)*
                    $($optional: if_all_have(|one| one.$optional.as_ref()),)*
                }
            }
        }
    };
}

curves! {
    /// What becomes dearer with time: caches and predictors go cold, the processor sleeps deeper, a
    /// hypervisor takes it away.
    IdleSection / IdleCosts {
        /// CPU time that the first step takes more after its CPU was idle for so long.
        restart,
        /// CPU time that a request takes more on a connection that was not served since the CPU was
        /// idle for so long: its data, and those of its file, have left the caches.
        cold,
        /// CPU time of waking a process on another CPU that has been idle for so long.
        wake,
        /// Time from such a wake-up until the idle CPU runs the process.
        delay,
        /// CPU time that accepting a connection, and closing it in the end, takes more if the CPU
        /// has last accepted one so long ago and was idle since: what only connections take has
        /// left the caches.
        connect,
        /// CPU time that starting a read from the disk takes more if the CPU has last started one so
        /// long ago and was idle since.
        miss,
        /// CPU time that a trip to a helper process or to a thread of a pool and back takes more if
        /// the last began so long ago, and the CPU was idle since.
        handoff,
        /// CPU time that a call in the background of lazy asynchronous I/O takes more, from the
        /// steal to the poll, if the last was stolen so long ago and the CPU was idle since.
        laio,
    } or absent {
        /// The same of a request of POSIX AIO. Absent as `aio` is.
        aio,
        /// The same of an operation by a kernel worker of io_uring. Absent as `uring` is.
        uring,
    }
}

section! {
    /// Lazy asynchronous I/O.
    LaioSection / LaioCosts: Nanos {
        /// Added to a call that does not block.
        inline,
        /// From the block of a call to the loop's continuing: switch, steal.
        steal,
        /// Posting a completion and becoming a standby again.
        completion,
        /// laio_poll, per completion taken.
        poll,
        /// When the loop goes to sleep: the switch to the standby that watches it, which finds it
        /// asleep and goes to sleep too. The next call wakes it (`wake_same_cpu`). Zero: nobody
        /// watches, the kernel itself tells of a block.
        watch,
    }
}

section! {
    /// Helper processes (AMPED).
    HelperSection / HelperCosts: Nanos {
        /// Residency test of a read (cachestat).
        residency,
        /// Residency test of mapped pages (mincore).
        mapped_residency,
        /// Residency test of a name that is absent (openat2 with RESOLVE_CACHED, failing); of one
        /// that is present it is the open itself.
        name_residency,
        /// Writing a message to a pipe, apart from the wake-up.
        message_write,
        /// Reading a message from a pipe.
        message_read,
    }
}

section! {
    /// A pool of threads (AMTED): a queue under a mutex, a condition variable, a pipe or eventfd
    /// back to the loop. Wake-ups and switches are charged apart.
    ThreadsSection / ThreadsCosts: Nanos {
        /// The loop: putting a job into the queue.
        enqueue,
        /// A thread: taking a job out of it.
        dequeue,
        /// A thread: posting a result.
        reply,
        /// The loop: taking a result.
        collect,
    }
}

section! {
    /// POSIX asynchronous I/O. Wake-ups, switches and the read itself are charged apart.
    AioSection / AioCosts: Nanos {
        /// aio_read: control block, queue.
        submit,
        /// A thread or kernel process of it: taking a request, finishing it.
        work,
        /// The loop: notification, aio_error, aio_return.
        complete,
    }
}

section! {
    /// io_uring.
    UringSection / UringCosts: Nanos {
        /// Preparing and submitting an operation, beyond the operation itself.
        submit,
        /// Reaping its completion.
        complete,
        /// Arming the wait for a page of a read that misses: completed without a thread.
        arm,
        /// Handing an operation that cannot be tried inline to a kernel worker (io-wq) and
        /// taking it there. Wake-ups and switches are charged apart.
        punt,
    }
}

section! {
    /// The load generator, where it is a process of the same machine.
    ClientSection / ClientCosts: Nanos {
        /// Sending a request.
        request,
        /// Receiving a response, apart from the pages.
        response,
        /// Each 4 KiB received.
        response_page,
        /// Opening and closing a connection.
        connect,
    }
}

section! {
    /// Memory that is not page cache.
    MemorySection / MemorySizes: Bytes {
        /// The server process, charged to its memory group.
        process,
        /// Each helper process.
        helper,
        /// Each further process of a server of several: what `fork` does not share.
        worker,
        /// Each thread of a server or pool: stack and kernel stack.
        thread,
        /// Each kernel worker of AIO or io_uring: kernel stack and task.
        kernel_worker,
        /// Each carrier thread: stack and kernel stack.
        carrier,
        /// Each open connection: its socket, and what the server keeps for it. The buffer into
        /// which its files are read is apart.
        connection,
        /// Each page of a buffer into which a server has read files: a connection's, which the next
        /// connection takes over, or a helper's.
        buffer_page,
        /// Each cached name with its inode.
        inode,
    }
}

/// A machine's costs and sizes, each with its source.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What machine this is.
    pub machine: String,
    /// How and when the profile came to be.
    pub provenance: String,
    /// Calls that do not block.
    pub call: CallSection,
    /// Misses, waits and wake-ups.
    pub kernel: KernelSection,
    /// CPUs that were idle.
    pub idle: IdleSection,
    /// Lazy asynchronous I/O.
    pub laio: LaioSection,
    /// Helper processes.
    pub helper: HelperSection,
    /// Thread pools.
    pub threads: ThreadsSection,
    /// POSIX AIO; absent where it was not measured, and then no server can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aio: Option<AioSection>,
    /// io_uring; absent where it was not measured or does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uring: Option<UringSection>,
    /// The load generator.
    pub client: ClientSection,
    /// Memory taxes.
    pub memory: MemorySection,
}

/// The figures of a [`Profile`] without their sources, for the hot loop.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Calls that do not block.
    pub call: CallCosts,
    /// Misses, waits and wake-ups.
    pub kernel: KernelCosts,
    /// CPUs that were idle.
    pub idle: IdleCosts,
    /// Lazy asynchronous I/O.
    pub laio: LaioCosts,
    /// Helper processes.
    pub helper: HelperCosts,
    /// Thread pools.
    pub threads: ThreadsCosts,
    /// POSIX AIO, where the machine has it.
    pub aio: Option<AioCosts>,
    /// io_uring, where the machine has it.
    pub uring: Option<UringCosts>,
    /// The load generator.
    pub client: ClientCosts,
    /// Memory taxes.
    pub memory: MemorySizes,
}

/// Figures of a section by name, in order.
pub type Figures<'a> = Vec<(&'static str, &'a Sourced<Nanos>)>;

impl Profile {
    /// The profile as its file has it: one line a figure.
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "machine = {:?}\nprovenance = {:?}\n",
            self.machine, self.provenance
        );
        for (section, figures) in self.times() {
            write_section(&mut text, &section, &figures);
        }
        write_section(&mut text, "memory", &self.memory.figures());
        text
    }

    /// All times by section, in the order of the file.
    pub fn times(&self) -> Vec<(String, Figures<'_>)> {
        let curves = self.idle.curves().into_iter();
        let idle = curves.map(|(name, curve)| (format!("idle.{name}"), curve.figures()));
        let mut all = vec![
            ("call".to_owned(), self.call.figures()),
            ("kernel".to_owned(), self.kernel.figures()),
        ];
        all.extend(idle);
        all.push(("laio".to_owned(), self.laio.figures()));
        all.push(("helper".to_owned(), self.helper.figures()));
        all.push(("threads".to_owned(), self.threads.figures()));
        let aio = self.aio.as_ref();
        all.extend(aio.map(|aio| ("aio".to_owned(), aio.figures())));
        let uring = self.uring.as_ref();
        all.extend(uring.map(|uring| ("uring".to_owned(), uring.figures())));
        all.push(("client".to_owned(), self.client.figures()));
        all
    }

    /// The profile of the same machine when it takes `pace` times as long for everything that its
    /// CPUs do, as when other tenants share their cores. Not changed: the time between the disk
    /// and its interrupt, the age of page-out, memory.
    #[must_use]
    pub fn at_pace(&self, pace: f64) -> Self {
        let slower = |name: &str, time: &mut Nanos| {
            if !matches!(name, "disk_path" | "pageout_age") {
                *time = Nanos((time.0 as f64 * pace).round() as u64);
            }
        };
        let mut profile = self.clone();
        profile.call.each_mut(slower);
        profile.kernel.each_mut(slower);
        profile.idle.each_mut(slower);
        profile.laio.each_mut(slower);
        profile.helper.each_mut(slower);
        profile.threads.each_mut(slower);
        if let Some(aio) = &mut profile.aio {
            aio.each_mut(slower);
        }
        if let Some(uring) = &mut profile.uring {
            uring.each_mut(slower);
        }
        profile.client.each_mut(slower);
        profile
    }

    /// Figure by figure, what `time` or `size` makes of those of `all`, profiles of one machine.
    /// Absent is what any of them lacks.
    ///
    /// # Panics
    /// If there are none.
    pub fn merged(
        all: &[Self],
        time: impl Fn(&[&Sourced<Nanos>]) -> Sourced<Nanos>,
        size: impl Fn(&[&Sourced<Bytes>]) -> Sourced<Bytes>,
    ) -> Self {
        fn each<'a, S>(all: &'a [Profile], section: fn(&'a Profile) -> &'a S) -> Vec<&'a S> {
            all.iter().map(section).collect()
        }
        fn if_all_have<'a, S>(
            all: &'a [Profile],
            section: fn(&'a Profile) -> Option<&'a S>,
        ) -> Option<Vec<&'a S>> {
            all.iter().map(section).collect()
        }
        Self {
            machine: all[0].machine.clone(),
            provenance: all[0].provenance.clone(),
            call: CallSection::merged(&each(all, |one| &one.call), &time),
            kernel: KernelSection::merged(&each(all, |one| &one.kernel), &time),
            idle: IdleSection::merged(&each(all, |one| &one.idle), &time),
            laio: LaioSection::merged(&each(all, |one| &one.laio), &time),
            helper: HelperSection::merged(&each(all, |one| &one.helper), &time),
            threads: ThreadsSection::merged(&each(all, |one| &one.threads), &time),
            aio: if_all_have(all, |one| one.aio.as_ref())
                .map(|aio| AioSection::merged(&aio, &time)),
            uring: if_all_have(all, |one| one.uring.as_ref())
                .map(|uring| UringSection::merged(&uring, &time)),
            client: ClientSection::merged(&each(all, |one| &one.client), &time),
            memory: MemorySection::merged(&each(all, |one| &one.memory), &size),
        }
    }

    /// The figures alone.
    pub fn costs(&self) -> Costs {
        Costs {
            call: self.call.plain(),
            kernel: self.kernel.plain(),
            idle: self.idle.plain(),
            laio: self.laio.plain(),
            helper: self.helper.plain(),
            threads: self.threads.plain(),
            aio: self.aio.as_ref().map(AioSection::plain),
            uring: self.uring.as_ref().map(UringSection::plain),
            client: self.client.plain(),
            memory: self.memory.plain(),
        }
    }
}

fn write_section<T: Serialize>(text: &mut String, name: &str, figures: &[(&str, &Sourced<T>)]) {
    text.push_str(&format!("\n[{name}]\n"));
    for (key, figure) in figures {
        let inline = toml::Value::try_from(figure).expect("figures are strings in TOML");
        text.push_str(&format!("{key} = {inline}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_met_at_its_times_and_lies_between_them_elsewhere() {
        let at = [1, 2, 4, 8, 16, 32, 64].map(Nanos::from_micros);
        let curve = CurveSection::of(at.map(|value| Sourced {
            value,
            low: None,
            high: None,
            source: String::new(),
        }));
        let curve = curve.plain();
        for (time, cost) in IDLE_TIMES.into_iter().zip(at) {
            assert_eq!(curve.after(time), cost);
        }
        assert_eq!(curve.after(Nanos::ZERO), at[0]);
        assert_eq!(curve.after(Nanos::from_millis(60)), at[6]);
        // Half way between 100 us and 300 us in the logarithm, to its error.
        let between = curve.after(Nanos(173_205));
        assert!(between.0.abs_diff(3_000) < 120, "{between}");
    }

    #[test]
    fn a_slower_machine_takes_longer_on_its_cpus_and_nowhere_else() {
        let text = include_str!("../../profiles/machines/epyc-vm.toml");
        let profile: Profile = toml::from_str(text).expect("the shipped profile is one");
        let slow = profile.at_pace(2.0);
        assert_eq!(slow.call.send.value, profile.call.send.value * 2);
        assert_eq!(
            slow.idle.delay.after_1ms.value,
            profile.idle.delay.after_1ms.value * 2
        );
        assert_eq!(slow.kernel.disk_path, profile.kernel.disk_path);
        assert_eq!(slow.kernel.pageout_age, profile.kernel.pageout_age);
        assert_eq!(slow.memory, profile.memory);
        assert_eq!(profile.at_pace(1.0), profile);
    }

    #[test]
    fn a_profile_survives_its_file() {
        let text = include_str!("../../profiles/machines/epyc-vm.toml");
        let profile: Profile = toml::from_str(text).expect("the shipped profile is one");
        let again: Profile = toml::from_str(&profile.to_toml()).expect("what we write we read");
        assert_eq!(profile, again);
    }
}
