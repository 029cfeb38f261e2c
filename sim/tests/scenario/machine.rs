//! Scenarios that do not fit their machine.

use crate::folder::{Folder, PROFILE, Place, and, assert_blames, assert_refused, with};

#[test]
fn memory_must_hold_what_serves_and_some_pages() {
    for memory in ["0 B", "1 B", "4095 B", "512 KiB"] {
        let line = format!("memory = \"{memory}\"");
        let text = with("memory = \"64 MiB\"", &line);
        assert_refused(&text, &line, "cache.memory", "give at least");
    }
    // What it says is enough is enough, and less is not.
    let kib = least_kib(&with("64 MiB", "512 KiB"));
    let folder = Folder::new();
    folder.write("s.toml", &with("64 MiB", &format!("{kib} KiB")));
    folder.load("s.toml");
    folder.write("s.toml", &with("64 MiB", &format!("{} KiB", kib - 2)));
    folder.refusal("s.toml");
}

/// What a scenario with too little memory is told to give.
fn least_kib(text: &str) -> u64 {
    let folder = Folder::new();
    folder.write("s.toml", text);
    let message = folder.refusal("s.toml").message;
    let hint = message.rsplit("give at least ").next().expect("a hint");
    let number = hint.split(' ').next().expect("a number");
    number.parse().expect("a number")
}

/// A copy that has its own processes has as many connections more.
#[test]
fn every_copys_processes_have_connections_with_buffers() {
    let least = |copies: u32| {
        let text = with("[\"nb-b\", \"nb-laio\"]", "[\"mp\"]")
            .replace("64 MiB", "512 KiB")
            .replace("clients = 2", "clients = 8");
        least_kib(&(text + &format!("[server]\ncopies = {copies}\nprocesses = 2\n")))
    };
    let size = |figure: &str| {
        let profile: toml::Table = toml::from_str(PROFILE).expect("the shipped profile");
        let text = profile["memory"][figure]["value"].as_str().expect("text");
        let bytes = text.strip_suffix(" B").expect("in bytes");
        bytes.parse::<u64>().expect("a number")
    };
    // 64 KiB and a header are 17 pages.
    let connection = size("connection") + 17 * size("buffer_page");
    let more = 2 * (size("worker") + connection) / 1024;
    assert!((least(2) - least(1)).abs_diff(more) <= 1);
}

/// Of the servers compared, the one that takes most is named.
#[test]
fn memory_is_that_of_the_server_that_takes_most() {
    let text = with("\"nb-laio\"]", "\"mp\"]").replace("64 MiB", "4 MiB");
    assert_refused(
        &text,
        "memory = \"4 MiB\"",
        "cache.memory",
        "mp with 2 connections",
    );
}

#[test]
fn servers_that_cannot_use_a_data_path_say_why() {
    let cases = [
        ("nb-uring", "sendfile", "io_uring has no sendfile"),
        ("nb-uring-hybrid", "sendfile", "io_uring has no sendfile"),
        (
            "flash-nb-uring",
            "mapped",
            "io_uring does not read for a mapping",
        ),
        ("nb-aio", "sendfile", "asynchronous I/O reads into a buffer"),
        ("nb-aio", "mapped", "asynchronous I/O reads into a buffer"),
    ];
    for (server, path, why) in cases {
        let line = format!("data_path = \"{path}\"");
        let text = with("\"nb-laio\"", &format!("\"{server}\"")) + &format!("[server]\n{line}\n");
        let words = format!("{server} cannot use \"{path}\": {why}");
        assert_refused(&text, &line, "server.data_path", &words);
    }
}

/// The shipped profile without one of its tables.
fn without(table: &str) -> String {
    let mut profile: toml::Table = toml::from_str(PROFILE).expect("the shipped profile");
    profile.remove(table).expect("it has it");
    toml::to_string(&profile).expect("a profile")
}

#[test]
fn servers_need_their_figures() {
    let cases = [
        ("uring", "nb-uring"),
        ("uring", "thttpd-nb-uring-hybrid"),
        ("aio", "nb-aio"),
    ];
    for (table, server) in cases {
        let folder = Folder::new();
        folder.write("m.toml", &without(table));
        let line = format!("servers = [\"nb-b\", \"{server}\"]");
        let text = with("servers = [\"nb-b\", \"nb-laio\"]", &line);
        folder.write("s.toml", &text.replace("epyc-vm", "m.toml"));
        let place = Place {
            file: "s.toml",
            line: Some(&line),
            key: "servers",
        };
        let words = format!("{server} needs the figures of [{table}]");
        assert_blames(&folder, &folder.refusal("s.toml"), place, &words);
        // The others do not.
        folder.write("s.toml", &with("epyc-vm", "m.toml"));
        folder.load("s.toml");
    }
}

#[test]
fn files_must_fit_into_their_span_and_the_span_onto_the_disk() {
    let span = |span: &str| {
        let line = format!("span = \"{span}\"");
        (and(&format!("[files]\n{line}\n")), line)
    };
    for small in ["0 B", "4 KiB", "64 KiB"] {
        let (text, line) = span(small);
        assert_refused(&text, &line, "files.span", "the files need 1 MiB at least");
    }
    let (text, line) = span("1 TiB");
    assert_refused(&text, &line, "files.span", "the disk has 8");
    let folder = Folder::new();
    folder.write("s.toml", &with("cheetah9lp", "d.toml"));
    folder.write(
        "d.toml",
        "kind = \"fixed\"\nsectors = 64\nservice_ms = 1.0\n",
    );
    let place = Place {
        file: "s.toml",
        line: Some("disk = \"d.toml\""),
        key: "machine.disk",
    };
    assert_blames(
        &folder,
        &folder.refusal("s.toml"),
        place,
        "too small for the files",
    );
}

#[test]
fn stripes_must_fit_onto_the_disks() {
    let folder = Folder::new();
    let line = "stripe = \"32 MiB\"";
    let disks = format!("[machine]\ndisks = 2\n{line}");
    let text = with("cheetah9lp", "d.toml").replace("[machine]", &disks);
    folder.write("s.toml", &text);
    folder.write(
        "d.toml",
        "kind = \"fixed\"\nsectors = 8192\nservice_ms = 1.0\n",
    );
    let place = Place {
        file: "s.toml",
        line: Some(line),
        key: "machine.stripe",
    };
    let words = "in whole stripes, is more than it has room for";
    assert_blames(&folder, &folder.refusal("s.toml"), place, words);
    folder.write("s.toml", &text.replace("32 MiB", "64 KiB"));
    folder.load("s.toml");
}

/// Two disks hold what one does not.
#[test]
fn disks_count_together() {
    let folder = Folder::new();
    let wide = and("[files]\nspan = \"10 GiB\"\n");
    folder.write("s.toml", &wide);
    assert_eq!(folder.refusal("s.toml").key.as_deref(), Some("files.span"));
    folder.write("s.toml", &wide.replace("[machine]", "[machine]\ndisks = 2"));
    folder.load("s.toml");
}
