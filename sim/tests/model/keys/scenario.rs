//! What stands above the tables: `extends`, `title`, `servers`, `[axes]`.

use sim::scenario::Scenario;

use super::base;
use crate::bench::{NB_B, NB_LAIO};
use crate::measures::fingerprint;

#[test]
pub(super) fn title_is_the_loaded_scenarios() {
    let loaded = base().set("title", "another").load();
    assert_eq!(loaded.title, "another");
}

#[test]
pub(super) fn servers_are_those_that_run_in_their_order() {
    let runs = base().set("servers", "[\"nb-laio\", \"nb-b\"]").run_all(1);
    let (laio, blocking) = (base().run(NB_LAIO), base().run(NB_B));
    assert_eq!(runs.len(), 2);
    assert_eq!(fingerprint(&runs[0]), fingerprint(&laio));
    assert_eq!(fingerprint(&runs[1]), fingerprint(&blocking));
}

#[test]
pub(super) fn axes_make_a_point_of_each_value() {
    let axes = "[axes]\n\"cache.memory\" = [\"1 MiB\", \"8 MiB\"]\n\
                \"network.rtt\" = [\"1 ms\", \"2 ms\", \"3 ms\"]\n";
    // An override of a key drops its axis.
    let swept = base()
        .unset("cache.memory")
        .unset("network.rtt")
        .append(axes)
        .load();
    let values: Vec<Scenario> = swept
        .points
        .into_iter()
        .map(|point| point.scenario)
        .collect();
    assert_eq!(values.len(), 6);
    let mut distinct: Vec<_> = values
        .iter()
        .map(|scenario| (scenario.cache.memory, scenario.network.rtt))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 6);
}

#[test]
pub(super) fn what_a_scenario_extends_holds_where_it_says_nothing() {
    let parent = base().unset("cache.memory").unset("network.rtt");
    let child = parent
        .clone()
        .append("[network]\nrtt = \"3 ms\"\n")
        .extended_by("[cache]\nmemory = \"8 MiB\"\n");
    let spelt_out = parent
        .set("network.rtt", "3 ms")
        .set("cache.memory", "8 MiB");
    assert_eq!(
        fingerprint(&child.run(NB_B)),
        fingerprint(&spelt_out.run(NB_B))
    );
    let loaded = child.load();
    assert_eq!(loaded.title, "test");
    assert_eq!(loaded.points[0].scenario.servers.len(), 3);
}
