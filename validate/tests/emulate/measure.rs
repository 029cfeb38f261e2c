//! How exact the rig is, in figures. Not tests: wall time on a shared machine
//! proves nothing, so these print. Run them with
//! `cargo test --release -p validate --test emulate measure -- --ignored --nocapture`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use validate::emulate::cgroup::drop_caches;
use validate::emulate::disk::DiskUse;
use validate::emulate::host::{HostCpu, ProcessMeter};
use validate::emulate::{clock, realtime};

use super::*;

/// How long each point is measured.
const SPAN: Duration = Duration::from_secs(3);

/// A page-aligned buffer, as direct I/O requires.
#[repr(align(4096))]
struct Page([u8; BLOCK_BYTES as usize]);

#[test]
#[ignore = "measures for some 20 s"]
fn rate_and_latency_against_the_law() {
    with_rig_available(|| {
        println!(
            "\nservice  depth  IOPS by law  IOPS   latency added  of it late replies  CPU/IO  CPU not ours"
        );
        for service in [Nanos::from_millis(1), Nanos::from_millis(10)] {
            let rig = start(&[64 << 20], service);
            rig.disk().set_fast(false);
            for depth in [1, 4, 16] {
                measure_depth(&rig, service, depth);
            }
        }
    });
}

/// `depth` threads read random blocks of the device, each one at a time.
fn measure_depth(rig: &Rig, service: Nanos, depth: u32) {
    rig.disk().take_log();
    let (host_before, ours_before) = (host(), ours());
    let cpu_before = rig.disk().cpu_time().expect("procfs");
    let from = clock::now();
    let latencies: Vec<Duration> = thread::scope(|scope| {
        let readers: Vec<_> = (0..depth)
            .map(|reader| scope.spawn(move || read_blocks(rig, reader)))
            .collect();
        (readers.into_iter())
            .flat_map(|reader| reader.join().expect("no reader panics"))
            .collect()
    });
    let to = clock::now();
    let cpu = rig.disk().cpu_time().expect("procfs") - cpu_before;
    let not_ours = host().not_ours_since(&host_before, ours() - ours_before);
    let log = rig.disk().take_log();
    let used = DiskUse::over(&log, from, to);
    let reads = latencies.len() as f64;
    assert_eq!(log.len(), latencies.len(), "one request per read");
    let latency = latencies.iter().sum::<Duration>().as_secs_f64() / reads;
    let in_model = log.iter().map(|io| io.finish - io.arrival).sum::<Nanos>();
    let in_model = in_model.as_secs_f64() / reads;
    println!(
        "{service:>7}  {depth:5}  {:11.1}  {:5.1}  {:10.0} us  {:15.0} us  {:3.0} us  {:4.1} %",
        1.0 / service.as_secs_f64(),
        reads / (to - from).as_secs_f64(),
        (latency - in_model) * 1e6,
        used.mean_lateness_seconds * 1e6,
        cpu.as_secs_f64() / reads * 1e6,
        (not_ours.steal + not_ours.others) * 100.0,
    );
}

fn host() -> HostCpu {
    HostCpu::snapshot().expect("procfs")
}

fn ours() -> Nanos {
    ProcessMeter::snapshot(std::process::id())
        .expect("procfs")
        .cpu
}

fn read_blocks(rig: &Rig, reader: u32) -> Vec<Duration> {
    realtime::pin_to(0).expect("every machine has CPU 0");
    let device = direct(rig);
    let blocks = rig.disk().image().as_bytes().len() as u64 / BLOCK_BYTES;
    let mut page = Page([0; BLOCK_BYTES as usize]);
    let mut latencies = Vec::new();
    // Fibonacci hashing: spread over the disk without a generator.
    let mut position = u64::from(reader);
    let start = Instant::now();
    while start.elapsed() < SPAN {
        position = position.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let begun = Instant::now();
        device
            .read_exact_at(&mut page.0, position % blocks * BLOCK_BYTES)
            .expect("the disk works");
        latencies.push(begun.elapsed());
    }
    latencies
}

fn direct(rig: &Rig) -> File {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(rig.device())
        .expect("the device is there")
}

#[test]
#[ignore = "measures for some 10 s"]
fn page_cache_share_of_a_memory_limit() {
    with_rig_available(|| {
        let sizes: Vec<u64> = (0..8).flat_map(|_| sizes()).collect();
        let rig = start(&sizes, SERVICE);
        println!("\nlimit   cache    share  kernel   processes  in use");
        for limit_mib in [8u64, 16, 32, 64] {
            let group = match MemoryGroup::create(limit_mib << 20) {
                Ok(group) => group,
                Err(error) => return eprintln!("SKIPPED: {error}"),
            };
            drop_caches().expect("we are root");
            read_all(&rig, &group);
            let usage = group.usage().expect("counters");
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            println!(
                "{limit_mib:3} MiB {:5.2} MiB  {:.3}  {:4.2} MiB  {:4.2} MiB   {:5.2} MiB",
                mib(usage.cache_bytes),
                mib(usage.cache_bytes) / limit_mib as f64,
                mib(usage.kernel_bytes),
                mib(usage.rss_bytes),
                mib(usage.usage_bytes),
            );
        }
    });
}
