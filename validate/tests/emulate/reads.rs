//! What is read: contents, placement, law, log, cache.

use std::collections::HashSet;
use std::ops::Range;

use sim::machine::disk::{DiskRequest, SECTOR_BYTES, Started};
use validate::emulate::cgroup::drop_caches;
use validate::emulate::disk::{DiskIo, DiskUse};
use validate::emulate::image::path_of;
use validate::emulate::layout::Layout;
use validate::emulate::{EmulateError, clock};

use super::teardown::assert_nothing_is_left;
use super::*;

fn blocks(io: &DiskIo) -> Range<u64> {
    let first = io.offset_bytes / BLOCK_BYTES;
    first..first + u64::from(io.length_bytes).div_ceil(BLOCK_BYTES)
}

/// The metadata that a first read of `object` may need.
fn metadata_blocks(layout: &Layout, object: usize) -> HashSet<u64> {
    let file = &layout.files[object];
    let directory = &layout.directories[file.directory as usize];
    let path = layout.ancestors.iter().chain([directory]);
    path.flat_map(|d| d.blocks.iter().copied().chain([d.inode_block]))
        .chain([file.inode_block])
        .collect()
}

#[test]
fn every_disk_read_is_logged_served_by_law_and_known_to_the_layout() {
    with_rig_available(|| {
        let rig = start(&sizes(), SERVICE);
        let layout = rig.layout().expect("FIEMAP works");
        drop_caches().expect("we are root");
        rig.disk().set_fast(false);
        rig.disk().take_log();
        let start = clock::now();
        let mut log = Vec::new();
        let mut metadata_read = HashSet::new();
        for (object, &size) in sizes().iter().enumerate() {
            let file = rig.files().join(path_of(object as u32));
            assert_content(&file, object as u32, size);
            let reads = rig.disk().take_log();
            let metadata = metadata_blocks(&layout, object);
            let (of_metadata, of_data): (Vec<_>, Vec<_>) = reads
                .iter()
                .partition(|io| metadata.contains(&blocks(io).start));
            for io in of_metadata {
                assert_eq!(blocks(io).count(), 1, "metadata is read by single blocks");
                assert!(metadata_read.insert(blocks(io).start), "read twice: {io:?}");
            }
            assert!(metadata_read.contains(&layout.files[object].inode_block));
            let mut read: Vec<u64> = of_data.into_iter().flat_map(blocks).collect();
            read.sort_unstable();
            let extents = &layout.files[object].extents;
            let mut placed: Vec<u64> = extents.iter().flat_map(|&(b, n)| b..b + n).collect();
            placed.sort_unstable();
            assert_eq!(read, placed, "object {object}");
            log.extend(reads);
        }
        assert_served_by_law(&log);
        let end = clock::now();
        report("files, one after the other", &log, start, end);
        assert_eq!(DiskUse::over(&log, start, end).requests as usize, log.len());
    });
}

fn assert_served_by_law(log: &[DiskIo]) {
    let mut previous_finish = Nanos::ZERO;
    for io in log {
        assert_eq!(io.start, io.arrival.max(previous_finish), "{io:?}");
        assert_eq!(io.finish, io.start + SERVICE, "{io:?}");
        assert!(io.reply >= io.finish && !io.fast, "{io:?}");
        previous_finish = io.finish;
    }
}

fn report(what: &str, log: &[DiskIo], from: Nanos, to: Nanos) {
    let used = DiskUse::over(log, from, to);
    let rate = used.requests as f64 / (to - from).as_secs_f64();
    println!("{what}: {rate:.1} requests/s, {used:?}");
}

/// Eight readers at once on a rotating drive that reorders: if the emulated
/// disk ever let a late wake-up or a lost arrival into the law, the replay of
/// its arrivals through the model would come to other times.
#[test]
fn the_log_of_a_reordering_drive_is_what_its_model_makes_of_the_arrivals() {
    with_rig_available(|| {
        let profile = DiskProfile::named("cheetah9lp").expect("it comes with the simulator");
        let drive = || Disk::new(&profile, Scheduling::CLook, 0.25, 0);
        let image = Image::build(&sizes()).expect("mke2fs works");
        let rig = Rig::start(image, drive(), CONFIG).expect("the rig is available");
        drop_caches().expect("we are root");
        rig.disk().set_fast(false);
        rig.disk().take_log();
        thread::scope(|scope| {
            for reader in 0..8 {
                let rig = &rig;
                scope.spawn(move || {
                    for object in (reader..200).step_by(8) {
                        fs::read(rig.files().join(path_of(object))).expect("the file is there");
                    }
                });
            }
        });
        let mut log = rig.disk().take_log();
        log.sort_by_key(|io| io.arrival);
        assert!(log.iter().any(|io| io.ahead >= 4), "the disk has a queue");
        let logged: Vec<_> = log.iter().map(|io| (io.start, io.finish)).collect();
        assert_eq!(replay(drive(), &log), logged);
    });
}

/// Start and finish of each request of `log`, by the model alone, which serves
/// one at a time.
fn replay(mut disk: Disk, log: &[DiskIo]) -> Vec<(Nanos, Nanos)> {
    let mut times = vec![(Nanos::ZERO, Nanos::ZERO); log.len()];
    let (mut started, mut since) = (Vec::<Started>::new(), Nanos::ZERO);
    let mut complete_until =
        |disk: &mut Disk, started: &mut Vec<Started>, since: &mut Nanos, now| {
            while let Some(next) = started.pop_if(|next| next.finish <= now) {
                let request = disk.complete(next.finish, next.token, started);
                times[request.tag as usize] = (*since, next.finish);
                *since = next.finish;
            }
        };
    for (tag, io) in log.iter().enumerate() {
        complete_until(&mut disk, &mut started, &mut since, io.arrival);
        if started.is_empty() {
            since = io.arrival;
        }
        let request = DiskRequest {
            lbn: io.offset_bytes / SECTOR_BYTES,
            sectors: io.length_bytes / SECTOR_BYTES as u32,
            tag: tag as u64,
        };
        disk.submit(io.arrival, request, &mut started);
    }
    complete_until(&mut disk, &mut started, &mut since, Nanos::MAX);
    times
}

#[test]
fn every_object_is_known_and_in_the_right_directory() {
    with_rig_available(|| {
        let rig = start(&sizes(), SERVICE);
        let layout = rig.layout().expect("FIEMAP works");
        assert_eq!((layout.files.len(), layout.directories.len()), (200, 2));
        for (object, (file, size)) in layout.files.iter().zip(sizes()).enumerate() {
            let blocks: u64 = file.extents.iter().map(|&(_, n)| n).sum();
            assert_eq!(blocks, size.div_ceil(BLOCK_BYTES), "object {object}");
            assert_eq!(file.directory as usize, object / 128);
        }
        let directories = layout.directories.iter().chain(&layout.ancestors);
        assert!(directories.into_iter().all(|d| d.blocks.len() == 1));
    });
}

#[test]
fn fast_mode_bypasses_the_law_and_can_be_switched_at_run_time() {
    with_rig_available(|| {
        let rig = start(&[100 << 10, 100 << 10], Nanos::from_millis(50));
        let read = |object| {
            drop_caches().expect("we are root");
            assert_content(&rig.files().join(path_of(object)), object, 100 << 10);
            rig.disk().take_log()
        };
        let fast = read(0);
        assert!(!fast.is_empty() && fast.iter().all(|io| io.fast && io.start == io.finish));
        rig.disk().set_fast(false);
        let slow = read(1);
        assert!(!slow.is_empty() && slow.iter().all(|io| !io.fast));
        rig.disk().set_fast(true);
        assert!(read(0).iter().all(|io| io.fast));
    });
}

#[test]
fn a_disk_smaller_than_the_image_is_refused() {
    with_rig_available(|| {
        let image = Image::build(&[1 << 20]).expect("mke2fs works");
        let small = disk("kind = \"fixed\"\nsectors = 1_000\nservice_ms = 1");
        let refused = Rig::start(image, small, CONFIG);
        assert!(matches!(
            refused,
            Err(EmulateError::ImageTooLarge {
                disk_sectors: 1_000,
                ..
            })
        ));
        assert_nothing_is_left();
    });
}

#[test]
fn a_memory_group_bounds_the_page_cache() {
    with_rig_available(|| {
        let limit = 16 << 20;
        let group = match MemoryGroup::create(limit) {
            Ok(group) => group,
            Err(error) => return eprintln!("SKIPPED: {error}"),
        };
        let rig = start(&[1 << 20; 48], SERVICE);
        drop_caches().expect("we are root");
        rig.disk().take_log();
        for _ in 0..2 {
            read_all(&rig, &group);
            let usage = group.usage().expect("counters");
            assert!(usage.cache_bytes <= limit && usage.usage_bytes <= limit);
            assert!(usage.cache_bytes > limit / 2, "{usage:?}");
            let read: u64 = (rig.disk().take_log().iter())
                .map(|io| u64::from(io.length_bytes))
                .sum();
            assert!(
                read >= 32 << 20,
                "48 MiB through 16 MiB read only {read} bytes"
            );
        }
    });
}
