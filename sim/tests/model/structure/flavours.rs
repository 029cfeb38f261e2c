//! What a flavour keeps: connections, names, files.

use sim::scenario::Flavour;

use super::*;

fn of(flavour: Flavour, server: Server) -> Server {
    Server {
        flavour: Some(flavour),
        ..server
    }
}

/// Twice the same object and twice "not modified".
fn asked_again() -> Bench {
    Bench::new(vec![10_000; 2])
        .asks(vec![(0, false), (0, false), (1, true), (1, true)])
        .small_processes()
        .few_small_workers()
        .set("server.processes", "1")
}

#[test]
fn thttpd_takes_a_connection_for_every_request() {
    for server in each_server() {
        let run = asked_again().run(of(Flavour::Thttpd, server));
        // Of laio-laio and the sequential ones further accepts wait.
        let accepts = count(&run, OpKind::Accept);
        assert!((4..=4 + 3).contains(&accepts.issued), "{server}");
        assert_eq!(run.responses.len(), 4);
        // Nothing is kept: an open for each body, a stat for each "not modified".
        let run = asked_again()
            .set("server.helpers", "1")
            .run(of(Flavour::Thttpd, server));
        if server != NB_AMPED {
            assert_eq!(count(&run, OpKind::Open).issued, 2, "{server}");
            assert_eq!(count(&run, OpKind::Stat).issued, 2, "{server}");
            assert_eq!(count(&run, OpKind::Recv).issued, 4, "{server}");
        }
    }
}

#[test]
fn flash_opens_a_file_once_and_looks_a_name_up_once() {
    for server in each_server() {
        let run = asked_again().run(of(Flavour::Flash, server));
        // A helper opens and looks up beside the loop, once each.
        let by_helper = u64::from(server == NB_AMPED);
        let issued = |kind| count(&run, kind).issued;
        assert_eq!(issued(OpKind::Fstat), 1, "{server}");
        assert_eq!(issued(OpKind::Open), 1 + by_helper, "{server}");
        assert_eq!(issued(OpKind::Close), by_helper, "{server}: it is kept");
        let names = if server == NB_AMPED { 3 } else { 1 };
        assert_eq!(issued(OpKind::Stat), names, "{server}");
        assert_eq!(run.bytes, asked_again().response_bytes());
    }
}

/// Each process of MP has caches of its own; threads share theirs.
#[test]
fn processes_do_not_share_what_they_keep() {
    let bench = Bench::new(vec![10_000; 2])
        .plays([0, 0, 0])
        .plays([1, 0, 0])
        .client_each()
        .set("workload.think", "20 ms")
        .set("server.processes", "2")
        .set("server.threads", "2");
    let opens = |server| count(&bench.run(of(Flavour::Flash, server)), OpKind::Open).issued;
    assert_eq!((opens(MT), opens(MP)), (2, 3));
}
