//! The JSON schema of scenarios, for editors: made from the types that parse them.
//!
//! It says of every key its type and its limits as a type (a size is a number with a unit, a
//! server one of the known names). It leaves out what a key may be beyond that, and which keys go
//! together: `laiosim check` knows these.
//!
//! Checked: a set of scenarios, right and wrong, on which schema and parser agree (tests/schema.rs).

mod quantities;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Scenario;

/// The JSON schema of a scenario's file: draft 7, without references. What a validator of draft 4,
/// as some editors have, passes over makes it accept more, nothing less.
pub fn json() -> Schema {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Scenario>();
    let object = schema.ensure_object();
    object.values_mut().for_each(simplify);
    let needed = take_needed(object);
    // What a scenario does not say itself may come from the one that it extends.
    object.insert("if".into(), json!({ "not": { "required": ["extends"] } }));
    object.insert("then".into(), Value::Object(needed));
    schema
}

/// Drops null, which TOML does not have, wherever it is allowed, and the defaults of whole tables,
/// whose keys have their own; writes a constant as draft 4 does.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(inner) => inner.iter_mut().for_each(simplify),
        Value::Object(object) => {
            one_of_two(object);
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if object.get("default").is_some_and(Value::is_object) {
                object.remove("default");
            }
            if let Some(only) = object.remove("const") {
                object.insert("enum".into(), json!([only]));
            }
            object.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

/// Puts the one alternative to null in the place of both.
fn one_of_two(object: &mut Map<String, Value>) {
    let Some(Value::Array(mut either)) = object.remove("anyOf") else {
        return;
    };
    either.retain(|schema| schema["type"] != "null");
    match <[Value; 1]>::try_from(either) {
        Ok([Value::Object(only)]) => {
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
        Ok([other]) => _ = object.insert("anyOf".into(), json!([other])),
        Err(either) => _ = object.insert("anyOf".into(), either.into()),
    }
}

/// Takes the lists of needed keys out of an object's schema, its tables' included, and returns
/// them as a schema of their own.
fn take_needed(object: &mut Map<String, Value>) -> Map<String, Value> {
    let mut needed = Map::new();
    if let Some(keys) = object.remove("required") {
        needed.insert("required".into(), keys);
    }
    let mut tables = Map::new();
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            let of_table = property.as_object_mut().map(take_needed);
            if let Some(of_table) = of_table.filter(|of_table| !of_table.is_empty()) {
                tables.insert(name.clone(), Value::Object(of_table));
            }
        }
    }
    if !tables.is_empty() {
        needed.insert("properties".into(), Value::Object(tables));
    }
    needed
}
