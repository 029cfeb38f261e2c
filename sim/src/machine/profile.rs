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
        /// CPU time of waking a process on another CPU that is idle.
        wake_idle_cpu,
        /// Time from that wake-up until the idle CPU runs the process.
        wake_idle_delay,
        /// The first step of a CPU after it was idle: caches and predictors have gone cold.
        idle_restart,
        /// Each absent page: allocation and insertion into the cache.
        miss_page,
        /// Each page reclaimed to make room.
        reclaim_page,
        /// Each request to the disk: building and submitting it, going to sleep and waking in it.
        disk_submit,
        /// Each completion of a disk request, on the CPU that takes the interrupt.
        disk_interrupt,
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
    }
}

section! {
    /// Helper processes (AMPED).
    HelperSection / HelperCosts: Nanos {
        /// Residency test of a read (cachestat).
        residency,
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
        /// Each carrier thread: stack and kernel stack.
        carrier,
        /// Each open connection: its buffers and socket.
        connection,
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
    /// Lazy asynchronous I/O.
    pub laio: LaioSection,
    /// Helper processes.
    pub helper: HelperSection,
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
    /// Lazy asynchronous I/O.
    pub laio: LaioCosts,
    /// Helper processes.
    pub helper: HelperCosts,
    /// The load generator.
    pub client: ClientCosts,
    /// Memory taxes.
    pub memory: MemorySizes,
}

impl Profile {
    /// The profile as its file has it: one line a figure.
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "machine = {:?}\nprovenance = {:?}\n",
            self.machine, self.provenance
        );
        write_section(&mut text, "call", &self.call.figures());
        write_section(&mut text, "kernel", &self.kernel.figures());
        write_section(&mut text, "laio", &self.laio.figures());
        write_section(&mut text, "helper", &self.helper.figures());
        write_section(&mut text, "client", &self.client.figures());
        write_section(&mut text, "memory", &self.memory.figures());
        text
    }

    /// The figures alone.
    pub fn costs(&self) -> Costs {
        Costs {
            call: self.call.plain(),
            kernel: self.kernel.plain(),
            laio: self.laio.plain(),
            helper: self.helper.plain(),
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
    fn a_profile_survives_its_file() {
        let text = include_str!("../../profiles/machines/epyc-vm.toml");
        let profile: Profile = toml::from_str(text).expect("the shipped profile is one");
        let again: Profile = toml::from_str(&profile.to_toml()).expect("what we write we read");
        assert_eq!(profile, again);
    }
}
