//! Names and inodes that are not cached.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::FILES;
use crate::calibrate::child::measure_in_child;
use crate::calibrate::timing::{Rounds, thread_clock};
use crate::calibrate::{CalibrateError, Effort};
use crate::emulate::Rig;
use crate::emulate::cgroup::{MemoryGroup, drop_caches};
use crate::emulate::image::path_of;

/// Looks every name up with nothing cached: CPU beyond that of warm look-ups and of as many reads
/// that wait for as fast a disk (`fast_miss`), and the kernel memory that a name takes.
pub(super) fn measure(
    rig: &Rig,
    effort: Effort,
    fast_miss: &Rounds,
) -> Result<(Rounds, Rounds), CalibrateError> {
    rig.disk().set_fast(true);
    let paths: Vec<PathBuf> = (0..2 * FILES)
        .map(|object| rig.files().join(path_of(object)))
        .collect();
    let count = paths.len() as f64;
    let rounds = effort.rounds.min(9);
    let (mut fill, mut bytes) = (vec![], vec![]);
    for _ in 0..rounds {
        drop_caches()?;
        let group = MemoryGroup::create(256 << 20)?;
        drop(rig.disk().take_log());
        let before = group.usage()?.kernel_bytes;
        let figures = measure_in_child("look-ups", Some(&group), || {
            let look_up_all = || {
                let cpu = thread_clock();
                for path in &paths {
                    fs::symlink_metadata(path)?;
                }
                Ok::<f64, io::Error>((thread_clock() - cpu) as f64)
            };
            Ok(vec![look_up_all()?, look_up_all()?])
        })?;
        let requests = rig.disk().take_log().len() as f64;
        fill.push((figures[0] - figures[1] - requests * fast_miss.median()) / count);
        // Cached pages take kernel memory too, in which they are found.
        measure_in_child("reading", Some(&group), || {
            for path in &paths {
                fs::read(path)?;
            }
            Ok(vec![0.0])
        })?;
        bytes.push((group.usage()?.kernel_bytes.saturating_sub(before)) as f64 / count);
    }
    let series = |values: Vec<f64>| {
        let mut values = values.into_iter();
        Rounds::of(rounds, || values.next().unwrap_or_default())
    };
    Ok((series(fill), series(bytes)))
}
