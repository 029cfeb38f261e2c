//! Keys as scenarios write them, right and wrong.

use super::*;
use crate::workload::arrivals::OnOff;

fn keys(text: &str) -> WorkloadKeys {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `text` is refused because of `key`, with `words` in the message.
#[track_caller]
fn assert_refused(text: &str, key: &str, words: &str) {
    let (found, message) = keys(text).check().expect_err(text);
    assert_eq!(found, key, "{text}: {message}");
    assert!(message.contains(words), "{text}: {message}");
}

#[track_caller]
fn assert_refused_synthetic(lines: &str, key: &str, words: &str) {
    let text = format!("clients = 4\n[synthetic]\n{lines}");
    assert_refused(&text, &format!("synthetic.{key}"), words);
}

#[track_caller]
fn assert_refused_arrivals(lines: &str, key: &str, words: &str) {
    let text = format!("trace = \"t\"\n[arrivals]\n{lines}");
    assert_refused(&text, &format!("arrivals.{key}"), words);
}

const BY_HAND: &str = "objects = 10\nbody_median = \"4 KiB\"\nbody_sigma = 1\nzipf = 0.8\n";

#[test]
fn a_trace_and_clients_are_enough() {
    let keys = keys("trace = \"day.laiotrace\"\nclients = 64");
    keys.check().unwrap();
    assert_eq!(
        keys.source().unwrap(),
        Source::Trace("day.laiotrace".into())
    );
    assert_eq!(keys.begin().unwrap(), Begin::Clients(64));
    assert_eq!(keys.gap(), Nanos(15_000_000_000));
    assert_eq!((keys.think(), keys.time_scale()), (Nanos::ZERO, 1.0));
}

#[test]
fn a_preset_has_its_values_and_each_key_replaces_one() {
    let of = |lines: &str| {
        let text = format!("clients = 1\n[synthetic]\npreset = \"berkeley-like\"\n{lines}");
        keys(&text).synthetic.unwrap().parameters().unwrap()
    };
    let plain = of("");
    assert_eq!(plain, Preset::BerkeleyLike.parameters());
    type Change = fn(&mut Parameters);
    let changes: [(&str, Change); 14] = [
        ("objects = 7", |p| p.objects = 7),
        ("body_median = \"2 KiB\"", |p| {
            p.sizes.body_median_bytes = 2048.0
        }),
        ("body_sigma = 0.5", |p| p.sizes.body_sigma = 0.5),
        ("tail_share = 0.5", |p| p.sizes.tail.share = 0.5),
        ("tail_min = \"1 MiB\"", |p| {
            p.sizes.tail.min_bytes = 1048576.0
        }),
        ("tail_shape = 2", |p| p.sizes.tail.shape = 2.0),
        ("max_size = \"8 MiB\"", |p| p.sizes.max_bytes = 8 << 20),
        ("zipf = 0", |p| p.zipf = 0.0),
        ("session_requests = 2.5", |p| p.sessions.requests = 2.5),
        ("think = \"3 ms\"", |p| {
            p.sessions.think = Nanos::from_millis(3)
        }),
        ("think_between = \"4 ms\"", |p| {
            p.sessions.think_between = Nanos::from_millis(4)
        }),
        ("think_law = \"fixed\"", |p| {
            p.sessions.think_law = ThinkLaw::Fixed
        }),
        ("not_modified = 0.25", |p| p.sessions.not_modified = 0.25),
        ("missing = 0.25", |p| p.sessions.missing = 0.25),
    ];
    for (line, change) in changes {
        let mut expected = plain;
        change(&mut expected);
        assert_ne!(expected, plain, "{line}");
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn without_a_preset_four_keys_are_needed() {
    keys(&format!("clients = 1\n[synthetic]\n{BY_HAND}"))
        .check()
        .unwrap();
    for missing in ["objects", "body_median", "body_sigma", "zipf"] {
        let rest = BY_HAND.lines().filter(|line| !line.starts_with(missing));
        let rest = rest.collect::<Vec<_>>().join("\n");
        assert_refused_synthetic(&rest, missing, "needed");
    }
    assert_refused_synthetic(&format!("{BY_HAND}tail_share = 0.1"), "tail_min", "needed");
}

#[test]
fn impossible_synthetic_values_are_refused_in_words() {
    let preset = |line: &str, key, words| {
        assert_refused_synthetic(&format!("preset = \"rice-like\"\n{line}"), key, words);
    };
    preset("objects = 0", "objects", "1 to 100000000, not 0");
    preset("body_median = \"0 B\"", "body_median", "1 B to 1 TiB");
    preset("body_sigma = -1", "body_sigma", "not -1");
    preset("tail_share = 1.5", "tail_share", "0 to 1");
    preset("tail_shape = 0", "tail_shape", "not 0");
    preset("max_size = \"1 KiB\"", "max_size", "body_median");
    preset("max_size = \"100 KiB\"", "max_size", "twice tail_min");
    preset("zipf = nan", "zipf", "not NaN");
    preset("zipf = -0.5", "zipf", "not -0.5");
    preset("session_requests = 0.5", "session_requests", "not 0.5");
    preset("session_requests = inf", "session_requests", "not inf");
    preset("think = \"2000 min\"", "think", "a day");
    preset("not_modified = -0.1", "not_modified", "not -0.1");
    preset(
        "missing = 0.6\nnot_modified = 0.6",
        "missing",
        "more than 1",
    );
    let endless = format!("{BY_HAND}tail_share = 0.1\ntail_min = \"1 MiB\"\ntail_shape = 1");
    assert_refused_synthetic(&endless, "tail_shape", "set max_size");
}

#[test]
fn arrivals_are_what_their_keys_say() {
    let of = |lines: &str| {
        keys(&format!("trace = \"t\"\n[arrivals]\n{lines}"))
            .begin()
            .unwrap()
    };
    assert_eq!(of("kind = \"trace\""), Begin::Trace);
    let poisson = Begin::Law(ArrivalLaw::Poisson(90.0));
    assert_eq!(of("kind = \"poisson\"\nrate = 90"), poisson);
    let law = OnOff {
        rate: 90.0,
        on: Nanos::from_millis(2),
        off: Nanos::from_millis(3),
        periods: PeriodLaw::Fixed,
    };
    let lines =
        "kind = \"on-off\"\nrate = 90.0\non = \"2 ms\"\noff = \"3 ms\"\nperiods = \"fixed\"";
    assert_eq!(of(lines), Begin::Law(ArrivalLaw::OnOff(law)));
    match of("kind = \"curve\"\npoints = [[\"0 s\", 100], [\"60 s\", 900.5]]") {
        Begin::Law(ArrivalLaw::Curve(curve)) => {
            assert_eq!(curve.length(), Nanos(60_000_000_000));
            assert_eq!(curve.peak_rate(), 900.5);
            assert_eq!(curve.mean_rate(), 500.25);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn impossible_arrivals_are_refused_in_words() {
    let refused = assert_refused_arrivals;
    refused("kind = \"poisson\"", "rate", "needs it");
    refused("kind = \"poisson\"\nrate = -5", "rate", "not -5");
    refused("kind = \"poisson\"\nrate = 0", "rate", "above 0");
    refused("kind = \"poisson\"\nrate = nan", "rate", "NaN");
    refused("kind = \"poisson\"\nrate = 2e6", "rate", "at most 1000000");
    refused("kind = \"poisson\"\nrate = 1\non = \"1 s\"", "on", "no use");
    refused("kind = \"trace\"\nrate = 1", "rate", "no use");
    refused(
        "kind = \"on-off\"\nrate = 1\non = \"1 s\"",
        "off",
        "need it",
    );
    refused(
        "kind = \"on-off\"\nrate = 1\non = \"0 s\"\noff = \"1 s\"",
        "on",
        "must be",
    );
    refused("kind = \"curve\"", "points", "2 points");
    refused("kind = \"curve\"\npoints = []", "points", "2 points");
    let fast = "kind = \"curve\"\npoints = [[\"0 s\", 1], [\"1 s\", 2e6]]";
    refused(fast, "points", "at most");
    let long = "kind = \"curve\"\npoints = [[\"0 s\", 1], [\"3000 min\", 1]]";
    refused(long, "points", "lasts");
}

#[test]
fn keys_that_exclude_or_need_each_other_are_refused_in_words() {
    let preset = "[synthetic]\npreset = \"rice-like\"\n";
    let open = "[arrivals]\nkind = \"poisson\"\nrate = 1\n";
    assert_refused("clients = 1", "trace", "either");
    assert_refused(
        &format!("clients = 1\ntrace = \"t\"\n{preset}"),
        "synthetic",
        "beside",
    );
    assert_refused("trace = \"t\"", "clients", "either");
    assert_refused("clients = 0\ntrace = \"t\"", "clients", "not 0");
    assert_refused(
        &format!("clients = 1\ntrace = \"t\"\n{open}"),
        "arrivals",
        "beside",
    );
    assert_refused(
        "clients = 1\ntrace = \"t\"\nrequests = 0",
        "requests",
        "at least 1",
    );
    let own = "[arrivals]\nkind = \"trace\"\n";
    assert_refused(&format!("{preset}{own}"), "arrivals.kind", "no trace");
    assert_refused(
        &format!("clients = 1\ngap = \"1 s\"\n{preset}"),
        "gap",
        "traces",
    );
    assert_refused(
        &format!("clients = 1\nthink = \"1 s\"\n{preset}"),
        "think",
        "synthetic.think",
    );
    assert_refused(
        &format!("trace = \"t\"\nthink = \"1 s\"\n{own}"),
        "think",
        "own times",
    );
    let scaled = "clients = 1\ntrace = \"t\"\ntime_scale = 2";
    assert_refused(scaled, "time_scale", "only");
    for scale in ["0", "-1", "nan", "inf"] {
        let text = format!("trace = \"t\"\ntime_scale = {scale}\n{own}");
        assert_refused(&text, "time_scale", "must be");
    }
    keys(&format!("trace = \"t\"\ntime_scale = 0.5\n{own}"))
        .check()
        .unwrap();
    keys(&format!("trace = \"t\"\nthink = \"1 s\"\n{open}"))
        .check()
        .unwrap();
    keys(&format!("{open}{preset}")).check().unwrap();
}

#[test]
fn unknown_keys_are_refused() {
    for text in [
        "client = 1",
        "[synthetic]\nsize = 1",
        "[arrivals]\nkind = \"poisson\"\nrates = 1",
    ] {
        let error = toml::from_str::<WorkloadKeys>(text).unwrap_err();
        assert!(error.message().starts_with("unknown field"), "{error}");
    }
}

#[test]
fn what_is_written_is_what_was_read() {
    let text = "trace = \"t\"\n[arrivals]\nkind = \"curve\"\npoints = [[\"0 s\", 1], [\"9 s\", 4]]";
    for text in [
        text,
        "clients = 3\n[synthetic]\npreset = \"rice-like\"\nmax_size = \"9 MiB\"",
    ] {
        let read = keys(text);
        assert_eq!(keys(&toml::to_string(&read).unwrap()), read);
    }
}

#[test]
fn the_schema_documents_every_key_and_allows_no_others() {
    let schema = serde_json::to_value(schemars::schema_for!(WorkloadKeys)).unwrap();
    let tables = [
        schema.clone(),
        schema["$defs"]["ArrivalKeys"].clone(),
        schema["$defs"]["SyntheticKeys"].clone(),
    ];
    for (table, keys) in tables.iter().zip([9, 6, 15]) {
        assert_eq!(table["additionalProperties"], false);
        let properties = table["properties"].as_object().unwrap();
        assert_eq!(properties.len(), keys);
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{key}");
        }
    }
    assert_eq!(schema["properties"]["gap"]["type"][0], "string");
}
