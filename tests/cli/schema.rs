//! `laiosim schema`.

use crate::fixture::{Fixture, assert_has, repository};

#[test]
fn the_reference_page_is_what_the_program_generates() {
    let generated = Fixture::new().shown(&["schema", "--markdown"]);
    let page = std::fs::read_to_string(repository("docs/scenarios.md")).expect("the page");
    assert!(
        page == generated,
        "docs/scenarios.md is not what the program generates; to write it again:\n\
         cargo run -- schema --markdown > docs/scenarios.md"
    );
}

#[test]
fn every_key_is_on_the_reference_page() {
    let page = Fixture::new().shown(&["schema", "--markdown"]);
    for key in sim::scenario::reference::keys() {
        let row = format!("| `{}` | {} | ", key.name, key.kind);
        assert!(page.contains(&row), "{row}");
    }
    assert_has(&page, &["## Machine profiles", "## Output files"]);
}

#[test]
fn the_json_schema_is_the_default_and_json() {
    let fixture = Fixture::new();
    let text = fixture.shown(&["schema"]);
    assert_eq!(fixture.shown(&["schema", "--json"]), text);
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(
        schema["properties"]["cache"]["properties"]["memory"]["format"],
        "size"
    );
    assert_eq!(
        fixture
            .run(&["schema", "--json", "--markdown"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn help_says_how_editors_use_it() {
    let help = Fixture::new().shown(&["schema", "--help"]);
    assert_has(
        &help,
        &["#:schema ./scenario.schema.json", "Even Better TOML"],
    );
}
