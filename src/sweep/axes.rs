//! Axes on the command line: which key a name stands for.

use serde_json::Value;
use sim::scenario::error::nearest;
use sim::scenario::schema;

use crate::failure::Failure;

/// Splits `KEY=VALUES`.
pub(super) fn key_and_values(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, values)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), values.trim().to_owned()))
        }
        _ => Err("not KEY=VALUES, as in clients=8,32,128 or memory=8MiB..64MiB:log:4".to_owned()),
    }
}

/// The axes given, each with its key in full.
///
/// # Errors
/// A name stands for no key or for several, or two for the same; a key that is an axis is also
/// `set` to one value.
pub(super) fn resolve(
    given: &[(String, String)],
    set: &[(String, String)],
) -> Result<Vec<(String, String)>, Failure> {
    let known = keys();
    let mut axes: Vec<(String, String)> = Vec::new();
    for (name, values) in given {
        let wrong = |message: String| Failure::Refused(format!("--axis {name}: {message}"));
        let key = full(name, &known).map_err(wrong)?;
        if axes.iter().any(|(other, _)| *other == key) {
            return Err(wrong(format!(
                "{key} is given twice; give all its values at once"
            )));
        }
        if set.iter().any(|(other, _)| *other == key) {
            return Err(wrong(format!(
                "{key} is also set to one value; drop one of the two"
            )));
        }
        axes.push((key, values.clone()));
    }
    Ok(axes)
}

/// The key that `name` stands for: itself, or the only one whose last part it is.
fn full(name: &str, known: &[String]) -> Result<String, String> {
    if known.iter().any(|key| key == name) {
        return Ok(name.to_owned());
    }
    let ends: Vec<&str> = known
        .iter()
        .filter(|key| !name.contains('.') && last(key) == name)
        .map(String::as_str)
        .collect();
    match ends.as_slice() {
        [] => Err(unknown(name, known)),
        [key] => Ok((*key).to_owned()),
        several => Err(format!(
            "several keys end in this: {}; write one in full",
            several.join(", ")
        )),
    }
}

fn unknown(name: &str, known: &[String]) -> String {
    let dotted = name.contains('.');
    let candidates = known.iter().map(|key| if dotted { key } else { last(key) });
    match nearest(name, candidates) {
        None => "no scenario has such a key; docs/scenarios.md has all of them".to_owned(),
        Some(like) => {
            let full = known.iter().filter(|key| last(key) == like || *key == like);
            let full: Vec<&str> = full.map(String::as_str).collect();
            format!(
                "no scenario has such a key; did you mean {}?",
                full.join(" or ")
            )
        }
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Every key that can be an axis, tables included, from the schema of scenarios.
fn keys() -> Vec<String> {
    let schema = serde_json::to_value(schema::json()).expect("a schema is JSON");
    let mut keys = Vec::new();
    collect(&schema, &schema, "", &mut keys);
    keys.retain(|key| !["extends", "axes", "title"].contains(&key.as_str()));
    keys.sort();
    keys.dedup();
    keys
}

/// Adds the keys of the schema `node`, whose own key is `prefix`.
fn collect(root: &Value, node: &Value, prefix: &str, keys: &mut Vec<String>) {
    if let Some(reference) = node["$ref"].as_str() {
        let pointed = root.pointer(reference.trim_start_matches('#'));
        pointed
            .iter()
            .for_each(|node| collect(root, node, prefix, keys));
    }
    // What is optional is written as one of several.
    for choice in ["anyOf", "allOf", "oneOf"] {
        let several = node[choice].as_array();
        several
            .into_iter()
            .flatten()
            .for_each(|node| collect(root, node, prefix, keys));
    }
    for (name, inner) in node["properties"].as_object().into_iter().flatten() {
        let key = match prefix {
            "" => name.clone(),
            prefix => format!("{prefix}.{name}"),
        };
        collect(root, inner, &key, keys);
        keys.push(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(name: &str) -> Result<String, String> {
        full(name, &keys())
    }

    #[test]
    fn the_last_part_is_enough_where_only_one_key_has_it() {
        assert_eq!(resolved("memory").as_deref(), Ok("cache.memory"));
        assert_eq!(resolved("clients").as_deref(), Ok("workload.clients"));
        assert_eq!(resolved("cache.memory").as_deref(), Ok("cache.memory"));
        assert_eq!(resolved("servers").as_deref(), Ok("servers"));
        let nested = "workload.arrivals.rate";
        assert_eq!(resolved(nested).as_deref(), Ok(nested));
    }

    #[test]
    fn several_keys_of_a_name_are_all_listed() {
        let several = ["a.size", "b.size"].map(str::to_owned);
        let message = full("size", &several).expect_err("ambiguous");
        assert!(message.contains("a.size, b.size"), "{message}");
    }

    #[test]
    fn an_unknown_name_brings_the_nearest_key() {
        for (wrong, right) in [
            ("memroy", "cache.memory"),
            ("cleints", "workload.clients"),
            ("cache.memmory", "cache.memory"),
        ] {
            let message = resolved(wrong).expect_err("unknown");
            assert!(message.contains(right), "{message}");
        }
        assert!(
            resolved("xyzzy")
                .expect_err("unknown")
                .contains("docs/scenarios.md")
        );
    }

    #[test]
    fn a_key_is_an_axis_once_and_not_set_as_well() {
        let pair = |key: &str, values: &str| (key.to_owned(), values.to_owned());
        let twice = [pair("memory", "1 MiB"), pair("cache.memory", "2 MiB")];
        assert!(resolve(&twice, &[]).is_err());
        assert!(resolve(&twice[..1], &[pair("cache.memory", "3 MiB")]).is_err());
    }
}
