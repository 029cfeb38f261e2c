//! Figures of what needs a scenario of its own: several CPUs, the C library's asynchronous I/O.
//! Those of sendfile and of mappings are among the sums.

use sim::scenario::{Server, Structure};

use super::idle::TIMES;
use super::sums::paid_by_the_last;
use super::{assert_none_of, on_links, raised};
use crate::bench::{Bench, each_server};
use crate::measures::cpu_time;

const NB_AIO: Server = Server::plain(Structure::NbAio);

/// Figures of sendfile and mappings where there are none, and of none where nobody uses them: what
/// `server.data_path` does not say costs nothing.
#[test]
fn a_data_path_pays_for_itself_alone() {
    let of = |path| {
        on_links()
            .set("workload.clients", "1")
            .set("server.data_path", path)
    };
    let cases = [
        (
            of("sendfile"),
            [
                "call.map",
                "call.fault",
                "helper.mapped_residency",
                "call.read",
            ],
        ),
        (
            of("mapped"),
            [
                "call.sendfile",
                "call.sendfile_page",
                "helper.residency",
                "call.read",
            ],
        ),
    ];
    for (bench, figures) in cases {
        for server in [
            Structure::NbB,
            Structure::NbLaio,
            Structure::Mp,
            Structure::Mt,
        ] {
            let server = Server::plain(server);
            let run = bench.run(server);
            for figure in figures {
                assert_none_of(figure, server, &run, &raised(&bench, figure).run(server));
            }
        }
    }
}

/// The C library has a thread for every read, cached or not, which the kernel has not.
#[test]
fn a_cached_read_through_the_c_library_costs_two_wake_ups_and_two_switches_more() {
    let kernel = Bench::new(vec![4096])
        .free()
        .links("1 ms")
        .set("run.start", "warm");
    let glibc = kernel.clone().set("server.aio", "glibc");
    let more = [
        ("aio.work", 1),
        ("aio.submit", 0),
        ("aio.complete", 0),
        ("kernel.wake_same_cpu", 2),
        ("kernel.context_switch", 2),
        ("call.read", 0),
        ("call.read_page", 0),
    ];
    for (figure, times) in more {
        let paid = |bench| paid_by_the_last(bench, &[(0, false); 3], &[figure], NB_AIO)[0];
        assert_eq!(paid(&glibc) - paid(&kernel), times, "{figure}");
    }
}

/// Its threads have stacks, the kernel's workers have none but the kernel's.
#[test]
fn the_c_librarys_threads_take_a_threads_memory() {
    let kernel = on_links();
    let glibc = kernel.clone().set("server.aio", "glibc");
    let reads = |bench: Bench| bench.run(NB_AIO).disk.sectors;
    for (bench, uses, other) in [
        (kernel, "memory.kernel_worker", "memory.thread"),
        (glibc, "memory.thread", "memory.kernel_worker"),
    ] {
        assert!(reads(raised(&bench, uses)) > reads(bench.clone()), "{uses}");
        let run = bench.run(NB_AIO);
        assert_none_of(other, NB_AIO, &run, &raised(&bench, other).run(NB_AIO));
    }
}

/// Two copies on a CPU each: what wakes one never comes from the other. Two CPUs for one copy
/// whose processes move: a worker is woken on the CPU that is idle.
#[test]
fn a_wake_up_crosses_only_to_processes_that_may_move() {
    // The threads of an emulated disk would be woken on another CPU.
    let bench = on_links().figure("kernel.disk_worker", "0 ns");
    let bench = bench.set("machine.cpus", "2");
    let two_homes = bench.clone().set("server.copies", "2");
    let moving = bench.set("machine.pinned", "false");
    let dearer = |bench: &Bench| {
        TIMES.iter().fold(bench.clone(), |bench, time| {
            raised(&bench, &format!("idle.wake.after_{time}"))
        })
    };
    for server in each_server() {
        let run = two_homes.run(server);
        assert_none_of("idle.wake", server, &run, &dearer(&two_homes).run(server));
        let wakes_from_a_step = matches!(
            server.structure,
            Structure::NbAmped | Structure::NbAmted | Structure::NbAmtedNowait | Structure::NbAio
        );
        if wakes_from_a_step {
            let cpu = |bench: &Bench| cpu_time(&bench.run(server));
            assert!(cpu(&dearer(&moving)) > cpu(&moving), "{server}");
        }
    }
}
