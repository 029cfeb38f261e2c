//! Escape sequences: only for a terminal, and not there where `NO_COLOR` is set.

use std::process::Command;

use crate::fixture::Fixture;

const ESCAPE: char = '\x1b';

/// What the program writes to a terminal when started with `args`, `NO_COLOR` being `no_color`.
fn on_a_terminal(args: &[&str], no_color: &str) -> String {
    let fixture = Fixture::new();
    let program = env!("CARGO_BIN_EXE_laiosim");
    // script(1) of bsdutils gives the program a terminal for all its streams.
    let output = Command::new("script")
        .args(["-q", "-c", &format!("'{program}' {}", args.join(" "))])
        .arg("/dev/null")
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", no_color)
        .current_dir(fixture.path("."))
        .output()
        .expect("script(1) is there");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A table, help, an error of the scenario's, one of the arguments'.
const COMMANDS: [&[&str]; 4] = [
    &["run", "tiny.toml"],
    &["run", "--help"],
    &["run", "missing.toml"],
    &["run", "--no-such-flag"],
];

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    let fixture = Fixture::new();
    for args in COMMANDS {
        let output = Command::new(env!("CARGO_BIN_EXE_laiosim"))
            .args(args)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .current_dir(fixture.path("."))
            .output()
            .expect("the program starts");
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            assert!(!text.contains(ESCAPE), "{args:?}: {text:?}");
        }
    }
}

#[test]
fn no_color_forbids_colours_and_bold_on_a_terminal() {
    for args in COMMANDS {
        let text = on_a_terminal(args, "1");
        assert!(
            text.len() > 20 && !text.contains(ESCAPE),
            "{args:?}: {text:?}"
        );
    }
}

#[test]
fn a_terminal_without_no_color_gets_bold_headers() {
    let text = on_a_terminal(COMMANDS[0], "");
    assert!(text.contains("\x1b[1m"), "{text:?}");
}
