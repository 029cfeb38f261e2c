//! What makes two sweeps the same: everything that their results depend on.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use serde_json::Value;
use sim::scenario::load::{Loaded, Point};

use crate::failure::Failure;
use crate::run::COMMIT;

/// Differences that are told one by one; the others are counted. Ours: a message of a line or two.
const TOLD: usize = 4;

/// By name: the program's version, every key of the scenario with what replaces it, every axis
/// with its values, and a checksum of each file that a key names.
pub(super) type Identity = BTreeMap<String, String>;

/// The identity of a sweep.
///
/// # Errors
/// The trace can no longer be read.
pub(super) fn of(loaded: &Loaded) -> Result<Identity, Failure> {
    let mut identity = keys(loaded);
    let commit = COMMIT.unwrap_or("of no known commit");
    let program = format!("{} ({commit})", env!("CARGO_PKG_VERSION"));
    identity.insert("version of the program".to_owned(), program);
    for (index, axis) in loaded.axes.iter().enumerate() {
        identity.insert(format!("axis {axis}"), values(loaded, index).join(", "));
    }
    for point in &loaded.points {
        add_files(&mut identity, loaded, point)?;
    }
    Ok(identity)
}

/// A short name of an identity, for the files of its points.
pub(super) fn fingerprint(identity: &Identity) -> String {
    let text = serde_json::to_string(identity).expect("names and texts");
    checksum(text.as_bytes())
}

/// Where two identities differ, in words; nothing if they do not.
pub(super) fn differences(there: &Identity, here: &Identity) -> Option<String> {
    let names = there
        .keys()
        .chain(here.keys().filter(|name| !there.contains_key(*name)));
    let differing: Vec<&String> = names
        .filter(|name| there.get(*name) != here.get(*name))
        .collect();
    let text = |of: &Identity, name: &str| match of.get(name) {
        Some(value) => value.clone(),
        None => "not given".to_owned(),
    };
    let mut told: Vec<String> = differing
        .iter()
        .take(TOLD)
        .map(|name| {
            format!(
                "{name}: {} there, {} here",
                text(there, name),
                text(here, name)
            )
        })
        .collect();
    if differing.len() > TOLD {
        told.push(format!("and {} more", differing.len() - TOLD));
    }
    (!told.is_empty()).then(|| told.join("; "))
}

/// The different values of the axis with this index, in the order of the points.
pub(super) fn values(loaded: &Loaded, index: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for point in &loaded.points {
        let value = &point.values[index].1;
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    values
}

/// Every key that is the same at all points.
fn keys(loaded: &Loaded) -> Identity {
    let scenario = serde_json::to_value(&loaded.points[0].scenario);
    let mut keys = Identity::new();
    flatten(
        "",
        &scenario.expect("keys are names, texts and numbers"),
        &mut keys,
    );
    let on_axis = |key: &str| {
        let inside = |axis: &String| key.strip_prefix(axis.as_str()).is_some_and(begins_a_part);
        loaded.axes.iter().any(inside)
    };
    keys.retain(|key, _| key != "extends" && !on_axis(key));
    keys
}

fn begins_a_part(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}

fn flatten(key: &str, value: &Value, keys: &mut Identity) {
    let Value::Object(inner) = value else {
        keys.insert(key.to_owned(), value.to_string());
        return;
    };
    for (name, value) in inner {
        match key {
            "" => flatten(name, value, keys),
            key => flatten(&format!("{key}.{name}"), value, keys),
        }
    }
}

/// Adds the contents of the files that a point's keys name.
fn add_files(identity: &mut Identity, loaded: &Loaded, point: &Point) -> Result<(), Failure> {
    let keys = &point.scenario;
    let profile = serde_json::to_string(&*point.profile).expect("names, texts and numbers");
    let name = format!("contents of machine profile {}", keys.machine.profile);
    identity.insert(name, checksum(profile.as_bytes()));
    // A disk's profile is only read, never written; all its figures are in its debugging text.
    let disk = format!("{:?}", point.disk);
    let name = format!("contents of disk profile {}", keys.machine.disk);
    identity.insert(name, checksum(disk.as_bytes()));
    if let Some(trace) = &keys.workload.trace {
        let name = format!("contents of trace {}", trace.display());
        if let Entry::Vacant(vacant) = identity.entry(name) {
            let folder = loaded.file.parent().unwrap_or(Path::new(""));
            vacant.insert(checksum_of(&folder.join(trace))?);
        }
    }
    Ok(())
}

fn checksum_of(file: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(file);
    let bytes = bytes.map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    Ok(checksum(&bytes))
}

/// CRC-32, in hexadecimal digits.
pub(super) fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(pairs: &[(&str, &str)]) -> Identity {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn equal_sweeps_have_no_differences_and_the_same_fingerprint() {
        let (a, b) = (identity(&[("k", "1")]), identity(&[("k", "1")]));
        assert_eq!(differences(&a, &b), None);
        assert_eq!(fingerprint(&a), fingerprint(&b));
        assert_ne!(fingerprint(&a), fingerprint(&identity(&[("k", "2")])));
    }

    #[test]
    fn differences_name_the_key_and_both_values() {
        let there = identity(&[("run.seed", "1"), ("same", "x"), ("files.span", "9 B")]);
        let here = identity(&[("run.seed", "2"), ("same", "x")]);
        let told = differences(&there, &here).expect("two differ");
        let expected = "files.span: 9 B there, not given here; run.seed: 1 there, 2 here";
        assert_eq!(told, expected);
    }

    #[test]
    fn many_differences_are_counted() {
        let there: Identity = (0..9).map(|i| (i.to_string(), "a".to_owned())).collect();
        let told = differences(&there, &Identity::new()).expect("nine differ");
        assert!(told.ends_with("and 5 more"), "{told}");
    }
}
