//! What stands in the place of what a file says.

use sim::scenario::error::ScenarioError;
use sim::scenario::load::{Loaded, Overrides};

use crate::folder::{Folder, and};

const SWEPT: &str = "[axes]\n\"workload.clients\" = [1, 2, 3]\n";

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    given.iter().map(owned).collect()
}

fn try_with(keys: &[(&str, &str)], axes: &[(&str, &str)]) -> Result<Loaded, ScenarioError> {
    let folder = Folder::new();
    folder.write("s.toml", &and(SWEPT));
    let set = Overrides {
        keys: pairs(keys),
        axes: pairs(axes),
    };
    folder.try_load("s.toml", &set)
}

fn clients(loaded: &Loaded) -> Vec<Option<u32>> {
    let each = loaded.points.iter();
    each.map(|point| point.scenario.workload.clients).collect()
}

#[test]
fn a_key_that_is_set_is_no_axis() {
    let loaded = try_with(&[("workload.clients", "7")], &[]).expect("loaded");
    assert_eq!(clients(&loaded), [Some(7)]);
    assert!(loaded.axes.is_empty());
}

#[test]
fn an_axis_takes_the_place_of_the_files() {
    let loaded = try_with(&[], &[("workload.clients", "4..6:3")]).expect("loaded");
    assert_eq!(clients(&loaded), [Some(4), Some(5), Some(6)]);
    let loaded = try_with(&[], &[("machine.cpus", "1,2")]).expect("loaded");
    assert_eq!(loaded.points.len(), 6);
}

#[test]
fn tables_and_keys_that_the_file_does_not_have_can_be_set() {
    let loaded = try_with(&[("network.backlog", "9"), ("run.seed", "4")], &[]).expect("loaded");
    let scenario = &loaded.points[0].scenario;
    assert_eq!((scenario.network.backlog, scenario.run.seed), (9, 4));
}

#[test]
fn what_cannot_be_set_is_refused_by_name() {
    let refused = [
        ("machine.cpu", "2", "did you mean `cpus`?"),
        ("machine.cpus", "two", "invalid type"),
        ("cache.memory", "64 parsecs", "parsecs"),
        ("workload.clients", "0", "must be 1 to"),
        ("servers", "[\"nb-liao\"]", "did you mean \"nb-laio\"?"),
        ("machine.disk", "cheetah9pl", "did you mean \"cheetah9lp\"?"),
        ("axes", "{}", "axes cannot be set"),
        ("axes.machine", "[1]", "axes cannot be set"),
        ("extends", "other.toml", "can only stand in the file"),
    ];
    for (key, value, words) in refused {
        let error = try_with(&[(key, value)], &[]).expect_err("refused");
        assert_eq!(error.key, Some(format!("{key} (overridden)")), "{error}");
        assert!(error.message.contains(words), "{error}");
        assert!(error.line.is_none() && error.to_string().contains("s.toml"));
    }
}

#[test]
fn axes_that_are_none_are_refused_by_name() {
    let refused = [
        ("machine.cpus", "", "has no values"),
        ("machine.cpus", "1..8", "is no range"),
        ("machine.cpu", "1,2", "did you mean `cpus`?"),
        ("workload.clients", "0,1", "must be 1 to"),
    ];
    for (key, values, words) in refused {
        let error = try_with(&[], &[(key, values)]).expect_err("refused");
        assert_eq!(error.key, Some(format!("{key} (overridden)")), "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}
