//! sendfile and mappings.

use super::*;

/// Who has all data paths.
fn moves_files(server: Server) -> bool {
    !matches!(
        server.structure,
        Structure::NbAio | Structure::NbUring | Structure::NbUringHybrid
    )
}

fn movers() -> impl Iterator<Item = Server> {
    each_server()
        .into_iter()
        .filter(|&server| moves_files(server))
}

/// One file of 40 pages, cached.
fn forty_pages(path: &str) -> Bench {
    Bench::new(vec![40 * 4096])
        .free()
        .plays([0])
        .set("run.start", "warm")
        .set("server.chunk", "1 MiB")
        .set("network.send_buffer", "1 MiB")
        .set("server.data_path", path)
}

/// A delivery for each: 16 + 16 + 8 pages, whoever calls; and the header alone before them.
#[test]
fn sendfile_moves_sixteen_pages_at_a_time() {
    let bench = forty_pages("sendfile")
        .loopback()
        .figure("client.response", "1 us");
    for server in movers() {
        let run = bench.run(server);
        assert_eq!(count(&run, OpKind::SendFile).issued, 1, "{server}");
        assert_eq!(run.client_cpu, Nanos::from_micros(1 + 3), "{server}");
    }
}

/// The faults of 40 pages: one for each 16, at the first sending of a mapping only.
#[test]
fn a_mapping_faults_once_for_sixteen_pages() {
    let bench = forty_pages("mapped").figure("call.fault", "1 us");
    for server in movers() {
        assert_eq!(
            cpu_time(&bench.run(server)),
            Nanos::from_micros(3),
            "{server}"
        );
        // What sends in small chunks faults no more often.
        let chunks = bench.clone().set("server.chunk", "10000 B");
        assert_eq!(
            cpu_time(&chunks.run(server)),
            Nanos::from_micros(3),
            "{server}"
        );
    }
}

/// A kept mapping has been touched.
#[test]
fn a_kept_mapping_is_mapped_and_faulted_once() {
    let bench = Bench::new(vec![40 * 4096])
        .free()
        .plays([0, 0, 0])
        .set("server.processes", "1")
        .set("server.data_path", "mapped")
        .set("server.file_cache", "1 MiB");
    for server in movers() {
        for (figure, times) in [("call.map", 1), ("call.fault", 3)] {
            let run = bench.clone().figure(figure, "1 us").run(server);
            let expected = Nanos::from_micros(times);
            assert_eq!(cpu_time(&run), expected, "{figure} for {server}");
        }
    }
}

/// With no room left a sendfile of a non-blocking socket returns what it has moved, or EAGAIN; a
/// blocking one waits and goes on.
#[test]
fn a_full_socket_cuts_a_sendfile_short_where_sockets_do_not_block() {
    for path in ["sendfile", "mapped"] {
        let kind = match path {
            "sendfile" => OpKind::SendFile,
            _ => OpKind::SendMapped,
        };
        let bench = forty_pages(path)
            .set("network.send_buffer", "32 KiB")
            .set("network.client_link", "20 Mbit/s");
        for server in movers() {
            let run = bench.run(server);
            let calls = count(&run, kind);
            let blocking = !server.structure.is_event_driven() || server == LAIO_LAIO;
            assert_eq!(calls.issued == 1, blocking, "{server} {path}: {calls:?}");
            assert!(calls.sleeps > 0, "{server} {path}");
            assert_eq!(calls.on_disk, 0, "{server} {path}");
            assert_eq!(run.bytes, bench.response_bytes(), "{server} {path}");
        }
    }
}

/// Its page comes from the disk while the socket is still full of what was sent before: the call
/// ends with EAGAIN where it slept, and is made again when there is room.
#[test]
fn a_sendfile_that_slept_for_its_page_may_find_the_socket_full() {
    for path in ["sendfile", "mapped"] {
        let bench = Bench::new(vec![60 * 4096])
            .plays([0])
            .fixed_disk_ms(0.2)
            .set("cache.read_ahead", "0 B")
            .set("server.chunk", "16 KiB")
            .set("network.send_buffer", "4 KiB")
            .set("network.client_link", "2 Mbit/s")
            .set("server.data_path", path);
        for server in movers() {
            let run = bench.run(server);
            assert_eq!(run.bytes, bench.response_bytes(), "{server} {path}");
            let link = Nanos::from_secs_f64(bench.response_bytes() as f64 * 8.0 / 2e6);
            assert!(run.elapsed >= link, "{server} {path}");
        }
    }
}

/// EAGAIN costs what a socket call costs that returns it, not what moving bytes does.
#[test]
fn a_sendfile_that_moves_nothing_pays_for_the_attempt_alone() {
    let bench = forty_pages("sendfile")
        .set("network.send_buffer", "32 KiB")
        .set("network.client_link", "20 Mbit/s");
    for server in movers() {
        let calls = count(&bench.run(server), OpKind::SendFile);
        let paid = |figure: &str| {
            let run = bench.clone().figure(figure, "1 ns").run(server);
            cpu_time(&run).0
        };
        let blocking = !server.structure.is_event_driven() || server == LAIO_LAIO;
        let in_vain = if blocking { 0 } else { calls.would_block };
        assert_eq!(paid("call.sendfile"), calls.issued - in_vain, "{server}");
        assert_eq!(paid("call.would_block"), in_vain, "{server}");
    }
}
