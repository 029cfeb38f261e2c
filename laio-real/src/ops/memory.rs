//! Memory at a fixed address for what a call reads and writes beside a buffer.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::time::Duration;

/// What a call may point to. Each operation uses a part; what others left in the rest does not
/// matter.
pub(super) struct Memory {
    /// Terminated by NUL.
    paths: [Vec<u8>; 2],
    stat: libc::statx,
    address: libc::sockaddr_storage,
    address_bytes: libc::socklen_t,
    time: libc::timespec,
    offset: i64,
}

impl Memory {
    fn new() -> Self {
        // SAFETY: the two are structures of integers, for which zeroes are valid.
        let (stat, address) = unsafe { (mem::zeroed(), mem::zeroed()) };
        Self {
            paths: [Vec::new(), Vec::new()],
            stat,
            address,
            address_bytes: 0,
            time: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            offset: 0,
        }
    }

    /// What `statx` has written.
    pub(super) fn stat(&self) -> libc::statx {
        self.stat
    }

    /// The address that the kernel has written, if it is one of IPv4 or IPv6.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let address = &raw const self.address;
        match i32::from(self.address.ss_family) {
            libc::AF_INET => {
                // SAFETY: it fits, is aligned, and a structure of integers.
                let v4 = unsafe { &*address.cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let v6 = unsafe { &*address.cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// Owns a [`Memory`], which stays where it is when the slot moves.
///
/// A `Box` would promise that nobody else uses the memory; here the kernel may. It is reached
/// through references only while no call uses it: before the call and after its end.
pub(super) struct Slot(NonNull<Memory>);

impl Default for Slot {
    fn default() -> Self {
        Self(NonNull::from(Box::leak(Box::new(Memory::new()))))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: from the leaked box of `default`; slots that a call uses are not dropped.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Slot {
    /// The memory after the end of the call.
    pub(super) fn memory(&self) -> &Memory {
        // SAFETY: valid until `drop`, and no call uses it.
        unsafe { self.0.as_ref() }
    }

    fn memory_mut(&mut self) -> &mut Memory {
        // SAFETY: as above.
        unsafe { self.0.as_mut() }
    }

    /// Copies a path, the first or the second, and returns its address; an error if it contains a
    /// NUL.
    pub(super) fn path(&mut self, which: usize, path: &Path) -> io::Result<usize> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.contains(&0) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let copy = &mut self.memory_mut().paths[which];
        copy.clear();
        copy.extend_from_slice(bytes);
        copy.push(0);
        Ok(copy.as_ptr().expose_provenance())
    }

    /// Where `statx` is to write.
    pub(super) fn stat(&mut self) -> usize {
        // SAFETY: within the allocation.
        unsafe { &raw mut (*self.0.as_ptr()).stat }.expose_provenance()
    }

    /// Where a duration is, as `nanosleep` reads it; at most as long as can be told.
    pub(super) fn time(&mut self, time: Duration) -> usize {
        self.memory_mut().time = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: within the allocation.
        unsafe { &raw const (*self.0.as_ptr()).time }.expose_provenance()
    }

    /// Where a file offset is, which the call reads and writes.
    pub(super) fn offset(&mut self, offset: i64) -> usize {
        self.memory_mut().offset = offset;
        // SAFETY: within the allocation.
        unsafe { &raw mut (*self.0.as_ptr()).offset }.expose_provenance()
    }

    /// Where a call is to write an address and its length.
    pub(super) fn address_out(&mut self) -> [usize; 2] {
        let memory = self.memory_mut();
        memory.address.ss_family = libc::AF_UNSPEC as libc::sa_family_t;
        memory.address_bytes = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        let memory = self.0.as_ptr();
        // SAFETY: within the allocation.
        unsafe {
            [
                (&raw mut (*memory).address).expose_provenance(),
                (&raw mut (*memory).address_bytes).expose_provenance(),
            ]
        }
    }

    /// Where an address is, and its length.
    pub(super) fn address_in(&mut self, address: SocketAddr) -> [usize; 2] {
        let bytes = match address {
            SocketAddr::V4(v4) => self.put_address(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from(*v4.ip()).to_be(),
                },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => self.put_address(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            }),
        };
        // SAFETY: within the allocation.
        let address = unsafe { &raw const (*self.0.as_ptr()).address };
        [address.expose_provenance(), bytes]
    }

    /// Writes an address, and returns its bytes.
    fn put_address<A>(&mut self, address: A) -> usize {
        const { assert!(size_of::<A>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: it fits, and `sockaddr_storage` is aligned for every kind of address.
        unsafe {
            (&raw mut self.memory_mut().address)
                .cast::<A>()
                .write(address)
        };
        size_of::<A>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_out_as_they_went_in() {
        let v6 = SocketAddrV6::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4), 443, 0x1234, 7);
        for address in ["192.0.2.1:8080".parse().unwrap(), SocketAddr::from(v6)] {
            let mut slot = Slot::default();
            slot.address_in(address);
            assert_eq!(slot.memory().address(), Some(address));
            slot.address_out();
            assert_eq!(slot.memory().address(), None, "of the last operation");
        }
    }

    #[test]
    fn paths_end_with_nul_and_contain_none() {
        let mut slot = Slot::default();
        slot.path(0, Path::new("a longer path")).unwrap();
        slot.path(0, Path::new("short")).unwrap();
        slot.path(1, Path::new("")).unwrap();
        assert_eq!(slot.memory().paths[0], b"short\0");
        assert_eq!(slot.memory().paths[1], b"\0");
        let refused = slot.path(0, Path::new("a\0b")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn memory_stays_where_it_is_when_its_slot_moves() {
        let mut slot = Slot::default();
        let address = slot.stat();
        let mut moved = [slot, Slot::default()];
        moved.swap(0, 1);
        assert_eq!(moved[1].stat(), address);
        assert_ne!(moved[0].stat(), address);
    }
}
