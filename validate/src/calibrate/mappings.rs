//! Files that are mapped instead of read.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use super::timing::{Rounds, clock, mean_of};
use super::tree::{PAGE, PAGES, Tree};
use super::{CalibrateError, Effort};

/// What was measured, in nanoseconds.
pub(super) struct Mappings {
    pub(super) map: Rounds,
    pub(super) fault: Rounds,
    pub(super) mapped_residency: Rounds,
}

/// Measures on the CPU of the server, with files of 64 KiB: what one fault maps
/// (`fault_around_bytes`, mm/memory.c).
pub(super) fn measure(effort: Effort, tree: &Tree) -> Result<Mappings, CalibrateError> {
    measured(effort, tree).map_err(|source| CalibrateError::Call {
        what: "mapped files",
        source,
    })
}

fn measured(effort: Effort, tree: &Tree) -> io::Result<Mappings> {
    let files = tree.open_files()?;
    let file = |index: u64| &files[index as usize % files.len()];
    let mut failure = None;
    let (mut plain, mut touched) = (vec![], vec![]);
    for _ in 0..=effort.rounds {
        for (touch, means) in [(false, &mut plain), (true, &mut touched)] {
            means.push(mean_of(effort.batch, |index| {
                let mapped = Mapping::of(file(index)).map(|mapping| {
                    if touch {
                        mapping.touch();
                    }
                });
                failure = failure.take().or(mapped.err());
            }));
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let map = Rounds::after_the_first(plain);
    Ok(Mappings {
        fault: Rounds::after_the_first(touched).with(&map, |touched, plain| touched - plain),
        map,
        mapped_residency: residency(effort, &files)?,
    })
}

/// mincore of mappings whose pages are cached and mapped, as a server keeps them.
fn residency(effort: Effort, files: &[File]) -> io::Result<Rounds> {
    let mappings: Vec<Mapping> = files.iter().map(Mapping::of).collect::<io::Result<_>>()?;
    mappings.iter().for_each(Mapping::touch);
    if !mappings.iter().all(Mapping::is_resident) {
        return Err(io::Error::other("pages just touched are not resident"));
    }
    Ok(Rounds::of(effort.rounds, || {
        let start = clock();
        let mut resident = 0;
        for index in 0..effort.batch {
            resident += u64::from(mappings[index as usize % mappings.len()].is_resident());
        }
        std::hint::black_box(resident);
        (clock() - start) as f64 / effort.batch as f64
    }))
}

/// A whole file, mapped to be read.
struct Mapping(*mut libc::c_void);

const LENGTH: usize = PAGES * PAGE;

impl Mapping {
    fn of(file: &File) -> io::Result<Self> {
        let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), LENGTH, read, shared, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(start))
    }

    fn touch(&self) {
        // SAFETY: the file is as long as the mapping, and nobody shortens it.
        unsafe { self.0.cast::<u8>().read_volatile() };
    }

    fn is_resident(&self) -> bool {
        let mut pages = [0_u8; PAGES];
        // SAFETY: one byte a page of the mapping.
        let result = unsafe { libc::mincore(self.0, LENGTH, pages.as_mut_ptr()) };
        result == 0 && pages.iter().all(|page| page & 1 == 1)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping that `of` made, which nobody uses any more.
        unsafe { libc::munmap(self.0, LENGTH) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_just_written_are_resident_and_can_be_touched() {
        let file = tempfile::tempfile().expect("a folder for temporary files");
        file.set_len(LENGTH as u64).expect("an open file");
        let mapping = Mapping::of(&file).expect("a file of that length");
        assert!(!mapping.is_resident(), "holes are in no cache");
        (0..PAGES).for_each(|page| {
            // SAFETY: within the mapping.
            unsafe { mapping.0.cast::<u8>().add(page * PAGE).read_volatile() };
        });
        assert!(mapping.is_resident());
    }
}
