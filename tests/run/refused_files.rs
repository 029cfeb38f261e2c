//! Files and folders that cannot be written: exit code 2, found out before anything is run.

use crate::fixture::{Fixture, names_in, stderr};

#[test]
fn an_output_folder_that_cannot_be() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("file"), "kept").expect("written");
    for folder in ["file", "file/below"] {
        let output = fixture.run(&["-o", folder]);
        assert_eq!(output.status.code(), Some(2), "{folder}");
        assert!(
            stderr(&output).starts_with("error: file"),
            "{}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "refused before the runs");
    }
    assert_eq!(fixture.read("file"), "kept");
}

#[test]
fn a_folder_where_a_file_is_to_be() {
    let fixture = Fixture::new();
    let in_the_way = fixture.path("out/results.csv");
    std::fs::create_dir_all(&in_the_way).expect("created");
    let output = fixture.run(&["-o", "out"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("is a folder"),
        "{}",
        stderr(&output)
    );
    assert_eq!(names_in(&fixture.path("out")), ["results.csv"]);
}

#[test]
fn an_output_folder_without_permission() {
    // Not even the superuser creates folders there.
    let output = Fixture::new().run(&["-o", "/proc/laiosim"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(message.starts_with("error: /proc/laiosim: "), "{message}");
    assert!(output.stdout.is_empty(), "refused before the runs");
}

#[test]
fn files_that_cannot_be() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("folder")).expect("created");
    for flag in ["--requests", "--timeline"] {
        for (path, part) in [
            ("none/file", "no such folder"),
            ("folder", "is a folder"),
            ("..", "no file's name"),
        ] {
            fixture.refuses(&[flag, path], &[path, part]);
        }
    }
}
