//! `laiosim completions`.

use crate::fixture::Fixture;

#[test]
fn every_shell_gets_the_subcommands() {
    let fixture = Fixture::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = fixture.shown(&["completions", shell]);
        for command in ["check", "init", "compare", "completions"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(fixture.run(&["completions", "tcsh"]).status.code(), Some(2));
}
