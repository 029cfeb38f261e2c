//! Values out of a key's range.

use crate::folder::{and, assert_refused, with};

/// Each line, alone in its table, is refused.
fn assert_each(table: &str, refused: &[(&str, &str)]) {
    for (line, words) in refused {
        let key = line.split(" =").next().expect("a key");
        let text = match table {
            "machine" | "cache" | "workload" => {
                let head = format!("[{table}]");
                with(&head, &format!("{head}\n{line}"))
            }
            _ => and(&format!("[{table}]\n{line}\n")),
        };
        assert_refused(&text, line, &format!("{table}.{key}"), words);
    }
}

#[test]
fn of_the_machine() {
    assert_each(
        "machine",
        &[
            ("disks = 0", "from 1 to 1024"),
            ("disks = -1", "invalid value"),
            ("cpus = 0", "from 1 to 1024"),
            ("cpus = 1.5", "invalid type"),
            ("stripe = \"0 B\"", "from a page (4 KiB) to 1 GiB"),
            ("stripe = \"5000 B\"", "a multiple of 4 KiB"),
            ("stripe = \"16 TiB\"", "from a page (4 KiB) to 1 GiB"),
            ("quantum = \"0 ms\"", "from 10 us to 1 min"),
            ("quantum = \"2 min\"", "from 10 us to 1 min"),
        ],
    );
}

#[test]
fn of_the_cache() {
    assert_each(
        "cache",
        &[
            ("read_ahead = \"-1 B\"", "-1 B"),
            ("read_ahead = \"2 GiB\"", "at most 1 GiB"),
        ],
    );
}

#[test]
fn of_the_network() {
    assert_each(
        "network",
        &[
            ("rtt = \"61 s\"", "at most 1 min"),
            ("client_link = \"0 Mbit/s\"", ""),
            ("server_link = \"10 bit/s\"", ""),
            ("send_buffer = \"0 B\"", "from 1 B to 1 GiB"),
            ("send_buffer = \"2 GiB\"", "from 1 B to 1 GiB"),
            ("backlog = -1", "invalid value"),
            ("backlog = 2000000", "from 0 to 1000000"),
            ("syn_retries = 21", "from 0 to 20"),
        ],
    );
}

#[test]
fn of_the_servers() {
    let counts = [
        "copies",
        "max_events",
        "helpers",
        "pool_threads",
        "aio_workers",
        "uring_workers",
        "carriers",
        "processes",
        "threads",
    ];
    for key in counts {
        assert_each(
            "server",
            &[
                (&format!("{key} = 0"), "must be from 1 to"),
                (&format!("{key} = -1"), "invalid value"),
            ],
        );
    }
    assert_each(
        "server",
        &[
            ("chunk = \"0 B\"", "from 1 B to 1 GiB"),
            ("chunk = \"2 GiB\"", "from 1 B to 1 GiB"),
            ("name_helpers = 2000000", "from 0 to 1000000"),
            ("app_cpu = \"61 s\"", "at most 1 min"),
        ],
    );
}

#[test]
fn of_the_workload() {
    assert_each(
        "workload",
        &[
            ("requests = 0", "at least 1"),
            ("patience = \"0 ms\"", "from 1 ms to a day"),
            ("think = \"25 h\"", ""),
            ("gap = \"1441 min\"", "at most a day"),
            ("think = \"1441 min\"", "at most a day"),
        ],
    );
    for clients in ["0", "1000001"] {
        let line = format!("clients = {clients}");
        let text = with("clients = 2", &line);
        assert_refused(&text, &line, "workload.clients", "must be 1 to 1000000");
    }
    let text = with("clients = 2", "clients = -2");
    assert_refused(&text, "clients = -2", "workload.clients", "invalid value");
}

#[test]
fn of_the_run() {
    assert_each(
        "run",
        &[
            ("replications = 0", "from 1 to 1000000"),
            ("max_replications = 0", "from 1 to 1000000"),
            ("replications = -3", "invalid value"),
            ("duration = \"1 us\"", "from 1 ms to a day"),
        ],
    );
}
