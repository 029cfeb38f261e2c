use super::*;
use serde_json::Value;

const LOOP: Track = Track { pid: 1, tid: 11 };
const DISK: Track = Track { pid: 2, tid: 21 };
const SERVER: Process<'_> = Process {
    pid: 1,
    name: "nb-laio \"quoted\"\n",
    threads: &[(11, "loop"), (12, "carrier")],
};
const MACHINE: Process<'_> = Process {
    pid: 2,
    name: "machine",
    threads: &[(21, "disk")],
};

fn request(id: u64) -> Span<'static> {
    Span {
        pid: 1,
        category: "request",
        id,
    }
}

/// Requests that overlap, one nested, two left open; other events out of order in time.
fn written() -> Vec<u8> {
    let mut timeline = Timeline::start(Vec::new(), &[SERVER, MACHINE]).unwrap();
    timeline
        .complete(
            LOOP,
            "read",
            12_345,
            1_001,
            &[("file", "a\\b"), ("kind", "disk")],
        )
        .unwrap();
    timeline
        .begin(request(7), 11, "GET /", 5_000, &[("bytes", "512")])
        .unwrap();
    timeline
        .begin(request(u64::MAX), 11, "GET /b", 6_000, &[])
        .unwrap();
    timeline.begin(request(7), 12, "read", 7_000, &[]).unwrap();
    timeline.end(request(7), 8_000).unwrap();
    timeline.end(request(7), 9_999).unwrap();
    timeline
        .begin(request(9), 11, "GET /c", 30_000, &[])
        .unwrap();
    timeline.begin(request(9), 12, "open", 31_000, &[]).unwrap();
    timeline.instant(DISK, "seek", 1, &[]).unwrap();
    timeline
        .counter(DISK, "queue", 2_000, &[("reads", 3.0), ("writes", 0.5)])
        .unwrap();
    timeline.finish(20_000).unwrap()
}

fn events(bytes: &[u8]) -> Vec<Value> {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    value["traceEvents"].as_array().unwrap().clone()
}

fn of<'a>(events: &'a [Value], phase: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == phase).collect()
}

#[test]
fn names_come_before_every_event_and_name_every_track() {
    let events = events(&written());
    let names = events.iter().take_while(|event| event["ph"] == "M").count();
    assert_eq!(names, of(&events, "M").len());
    let named = |kind: &str, pid: u32, tid: u32| {
        let found = events
            .iter()
            .find(|e| e["name"] == kind && e["pid"] == pid && e["tid"] == tid);
        found.unwrap()["args"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(named("process_name", 1, 11), SERVER.name);
    assert_eq!(named("thread_name", 1, 12), "carrier");
    assert_eq!(named("thread_name", 2, 21), "disk");
    let order = |pid: u32| {
        let kind = "process_sort_index";
        let found = events.iter().find(|e| e["name"] == kind && e["pid"] == pid);
        found.unwrap()["args"]["sort_index"].as_u64().unwrap()
    };
    assert!(order(1) < order(2));
}

#[test]
fn every_event_has_what_the_format_requires_of_it() {
    for event in events(&written()) {
        assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string());
        assert!(event["ts"].is_f64(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => assert!(event["args"].is_object()),
            "X" => assert!(event["dur"].is_f64() && event["args"]["file"] == "a\\b"),
            "b" | "e" => assert!(event["cat"] == "request" && event["id"].is_string()),
            "i" => assert_eq!(event["s"], "t"),
            "C" => assert_eq!(event["args"]["reads"], 3.0),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn times_are_microseconds_to_the_nanosecond() {
    let text = String::from_utf8(written()).unwrap();
    assert!(text.contains("\"ts\":12.345,\"dur\":1.001"), "{text}");
    assert!(text.contains("\"ts\":0.001,"), "{text}");
    let mut timeline = Timeline::start(Vec::new(), &[]).unwrap();
    let longest = (1 << 51) - 1;
    timeline.instant(LOOP, "late", longest, &[]).unwrap();
    let events = events(&timeline.finish(0).unwrap());
    let ns = events[0]["ts"].as_f64().unwrap() * 1000.0;
    assert_eq!(ns.round() as u64, longest);
}

#[test]
fn every_begin_has_its_end_the_innermost_first() {
    let events = events(&written());
    assert_eq!(of(&events, "b").len(), 5);
    let mut open: BTreeMap<String, Vec<(&Value, f64)>> = BTreeMap::new();
    for event in &events {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let at = event["ts"].as_f64().unwrap();
        match event["ph"].as_str().unwrap() {
            "b" => open.entry(id).or_default().push((&event["name"], at)),
            "e" => {
                let (name, begin) = open.get_mut(&id).unwrap().pop().unwrap();
                assert_eq!(&event["name"], name);
                assert!(at >= begin, "{event}");
            }
            _ => {}
        }
    }
    assert_eq!(open.len(), 3);
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    assert!(open.contains_key("0xffffffffffffffff"), "{open:?}");
}

#[test]
fn a_span_can_neither_end_unbegun_nor_go_back_in_time() {
    let mut timeline = Timeline::start(Vec::new(), &[]).unwrap();
    let kind = |result: io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(timeline.end(request(1), 5)), ErrorKind::InvalidInput);
    timeline.begin(request(1), 1, "a", 10, &[]).unwrap();
    let early = timeline.begin(request(1), 1, "b", 9, &[]);
    assert_eq!(kind(early), ErrorKind::InvalidInput);
    let other_process = Span {
        pid: 2,
        ..request(1)
    };
    assert_eq!(
        kind(timeline.end(other_process, 11)),
        ErrorKind::InvalidInput
    );
    assert_eq!(kind(timeline.end(request(1), 9)), ErrorKind::InvalidInput);
    timeline.end(request(1), 10).unwrap();
    let infinite = timeline.counter(LOOP, "queue", 0, &[("x", f64::INFINITY)]);
    assert_eq!(kind(infinite), ErrorKind::InvalidInput);
    let events = events(&timeline.finish(0).unwrap());
    assert_eq!((of(&events, "b").len(), of(&events, "e").len()), (1, 1));
}

#[test]
fn an_empty_timeline_is_valid_and_the_same_events_are_the_same_bytes() {
    let timeline = Timeline::start(Vec::new(), &[]).unwrap();
    assert_eq!(events(&timeline.finish(0).unwrap()), Vec::<Value>::new());
    assert_eq!(written(), written());
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let timeline = Timeline::start(Full, &[]).unwrap();
    let error = timeline.finish(0).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}
