use super::*;
use serde_json::json;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_at_the_name_before_commit() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path().join("a/b")).unwrap();
    let target = folder.path().join("series.csv");
    let mut csv = folder.csv("series.csv", ["time_s", "rate"]).unwrap();
    csv.row(["1", "2.5"]).unwrap();
    assert!(!target.exists());
    assert_eq!(csv.commit().unwrap(), target);
    assert_eq!(fs::read_to_string(&target).unwrap(), "time_s,rate\n1,2.5\n");
    assert_eq!(names(folder.path()), ["series.csv"]);
}

#[test]
fn a_file_that_is_not_committed_leaves_the_old_one_and_no_rest() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    fs::write(folder.path().join("a.txt"), "old").unwrap();
    let mut file = folder.file("a.txt").unwrap();
    file.write_all(b"new").unwrap();
    drop(file);
    assert_eq!(
        fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        "old"
    );
    assert_eq!(names(folder.path()), ["a.txt"]);
}

#[test]
fn commit_replaces_the_old_file() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    for text in ["old", "new"] {
        let mut file = folder.file("a.txt").unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.commit().unwrap();
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        "new"
    );
}

#[test]
fn json_is_indented_and_ends_in_a_newline() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let path = folder
        .json("run.json", &json!({"seed": 1, "x": []}))
        .unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text, "{\n  \"seed\": 1,\n  \"x\": []\n}\n");
}

#[test]
fn cells_with_commas_quotes_and_lines_survive() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let mut csv = folder.csv("a.csv", ["one", "two, three"]).unwrap();
    csv.row(["a \"b\"", "c\nd"]).unwrap();
    let path = csv.commit().unwrap();
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["one", "two, three"]);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows, [vec!["a \"b\"", "c\nd"]]);
}

#[test]
fn a_row_that_does_not_match_the_header_is_an_error() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let mut csv = folder.csv("a.csv", ["one", "two"]).unwrap();
    let error = csv.row(["1", "2", "3"]).unwrap_err();
    let counts = matches!(
        error,
        OutputError::Cells {
            expected: 2,
            found: 3,
            ..
        }
    );
    assert!(counts, "{error:?}");
    assert!(error.to_string().contains("a.csv"), "{error}");
}

#[test]
fn a_file_in_the_folders_place_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("results");
    fs::write(&path, "mine").unwrap();
    let error = OutputDir::create(&path).unwrap_err();
    assert!(matches!(error, OutputError::NotAFolder { .. }), "{error:?}");
    assert!(error.to_string().contains("results"), "{error}");
    let error = OutputDir::create(path.join("below")).unwrap_err();
    assert!(matches!(error, OutputError::Create { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
}

/// `/proc/self` is a folder where not even root can create a file.
#[cfg(target_os = "linux")]
#[test]
fn an_unwritable_folder_is_found_at_once() {
    let error = OutputDir::create("/proc/self").unwrap_err();
    assert!(matches!(error, OutputError::Unwritable { .. }), "{error:?}");
    assert!(error.to_string().contains("/proc/self"), "{error}");
}

#[test]
fn a_folder_in_the_files_place_is_an_error_that_names_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    fs::create_dir(folder.path().join("a.txt")).unwrap();
    let error = folder.file("a.txt").unwrap().commit().unwrap_err();
    assert!(matches!(error, OutputError::Write { .. }), "{error:?}");
    assert!(error.to_string().contains("a.txt"), "{error}");
    assert_eq!(names(folder.path()), ["a.txt"]);
}

/// Results are for others to read, as far as the umask lets them.
#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let path = folder.file("a.txt").unwrap().commit().unwrap();
    fs::write(folder.path().join("b.txt"), "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&folder.path().join("b.txt")));
}

#[test]
fn the_order_in_which_keys_are_put_in_does_not_show() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let one = folder.json("one", &json!({"b": 1, "a": {"d": 2, "c": 3}}));
    let other = folder.json("other", &json!({"a": {"c": 3, "d": 2}, "b": 1}));
    let read = |path| fs::read_to_string(path).unwrap();
    assert_eq!(read(one.unwrap()), read(other.unwrap()));
}

#[test]
fn text_is_written_as_it_is() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = OutputDir::create(temporary.path()).unwrap();
    let path = folder.text("figure.svg", "<svg/>\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "<svg/>\n");
    assert_eq!(names(folder.path()), ["figure.svg"]);
}
