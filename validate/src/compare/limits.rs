//! Which scenarios have real counterparts.
//!
//! The simulator knows more servers, more of what they can do, more machines and more workloads
//! than the real servers, the load generator and the emulated disk. A scenario that asks for any of
//! that is refused, so that no key is predicted with and not run with. Not refused: keys that
//! describe this machine's kernel to the simulator (the cache's policy, the quantum, the send
//! buffers that Linux adapts by itself), and keys of structures that do not exist for real.

use sim::engine::Nanos;
use sim::scenario::Scenario;
use sim::scenario::keys::{AcceptMode, NameTest, NetworkKeys};
use sim::scenario::units::Bytes;
use sim::server::io::MAX_EVENTS;
use sim::server::script::DataPath;

use crate::serve::SERVERS;

/// A key that is asked for and does not exist for real, or not with that value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct NotReal {
    /// The key, dotted.
    pub key: &'static str,
    /// What is wrong with it, and what would do.
    pub why: String,
}

/// A key, whether it is beyond the real servers, and why.
type Limit = (&'static str, bool, &'static str);

/// Whether the real servers, the load generator and the rig can do what `scenario` asks for.
///
/// # Errors
/// The first key that they cannot do.
pub fn check(scenario: &Scenario) -> Result<(), NotReal> {
    servers(scenario)?;
    let limits = server(scenario)
        .into_iter()
        .chain(machine(scenario))
        .chain(workload(scenario));
    for (key, is_beyond, why) in limits {
        if is_beyond {
            let why = why.to_owned();
            return Err(NotReal { key, why });
        }
    }
    Ok(())
}

fn servers(scenario: &Scenario) -> Result<(), NotReal> {
    let is_real = |server| SERVERS.contains(server);
    let Some(other) = scenario.servers.iter().find(|server| !is_real(server)) else {
        return Ok(());
    };
    let real = SERVERS.map(|server| server.structure.name()).join(", ");
    Err(NotReal {
        key: "servers",
        why: format!("{other} is simulated only; validate runs {real}"),
    })
}

fn server(scenario: &Scenario) -> [Limit; 12] {
    let keys = &scenario.server;
    [
        (
            "server.data_path",
            keys.data_path != DataPath::ReadSend,
            "must be \"read_send\": the real servers know no other",
        ),
        (
            "server.copies",
            keys.copies != 1,
            "must be 1: a real server is one event loop",
        ),
        (
            "server.persistent",
            keys.persistent == Some(false),
            "must be true: the real servers keep their connections",
        ),
        (
            "server.name_cache",
            keys.name_cache.is_some_and(|names| names > 0),
            "must be 0: the real servers keep no names",
        ),
        (
            "server.file_cache",
            keys.file_cache.is_some_and(|size| size > Bytes(0)),
            "must be 0: the real servers keep no open files",
        ),
        (
            "server.app_cpu",
            keys.app_cpu > Nanos::ZERO,
            "must be 0: the real servers compute nothing of their own",
        ),
        (
            "server.log",
            keys.log,
            "must be false: the real servers write no log",
        ),
        (
            "server.accept",
            keys.accept != AcceptMode::One,
            "must be \"one\", as the real servers accept",
        ),
        (
            "server.max_events",
            keys.max_events as usize != MAX_EVENTS,
            "must be 64, as many as the real servers take",
        ),
        (
            "server.name_helpers",
            keys.name_helpers != 0,
            "must be 0: the real nb-amped has one pool of helpers",
        ),
        (
            "server.name_test",
            keys.name_test != NameTest::ResolveCached,
            "must be \"resolve-cached\", the real nb-amped's",
        ),
        (
            "server.carriers",
            keys.carriers.is_some(),
            "remove it: the real nb-laio has as many as it needs",
        ),
    ]
}

fn machine(scenario: &Scenario) -> [Limit; 7] {
    let machine = &scenario.machine;
    [
        (
            "machine.disks",
            machine.disks != 1,
            "must be 1: one disk is emulated",
        ),
        (
            "machine.cpus",
            machine.cpus != 1,
            "must be 1: a real server has one CPU, the load generator the other",
        ),
        (
            "machine.pinned",
            !machine.pinned,
            "must be true: the real servers are pinned to their CPU",
        ),
        (
            "files.span",
            scenario.files.span.is_some(),
            "remove it: files lie where the file system puts them",
        ),
        (
            "files.unreadable",
            scenario.files.unreadable != 0,
            "must be 0: the emulated disk has no errors",
        ),
        (
            "network.loopback",
            !scenario.network.loopback,
            "must be true: the load generator is a process of this machine",
        ),
        (
            "network.backlog",
            scenario.network.backlog != NetworkKeys::default().backlog,
            "must be 4096, the real servers'",
        ),
    ]
}

fn workload(scenario: &Scenario) -> [Limit; 6] {
    let (keys, run) = (&scenario.workload, &scenario.run);
    [
        (
            "workload.synthetic",
            keys.synthetic.is_some(),
            "remove it: the load generator plays traces only",
        ),
        (
            "workload.arrivals",
            keys.arrivals.is_some(),
            "remove it: the load generator's clients are closed; give workload.clients",
        ),
        (
            "workload.think",
            keys.think() > Nanos::ZERO,
            "must be 0: the load generator's clients do not pause",
        ),
        (
            "workload.patience",
            keys.patience.is_some(),
            "remove it: the load generator's clients wait for every response",
        ),
        (
            "run.duration",
            run.duration.is_some(),
            "remove it: real runs end with the last response",
        ),
        (
            "run.precision",
            run.precision.is_some(),
            "remove it: validate goes on while a verdict is undecided; see --max-replications",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"
        title = "real"
        servers = ["nb-b", "nb-amped", "nb-laio"]
        machine = { profile = "epyc-vm", disk = "cheetah9lp" }
        cache = { memory = "12 MiB" }
        network = { loopback = true }
        workload = { trace = "t.laiotrace", clients = 32 }
    "#;

    /// What becomes of the real scenario with `key` set to `value`.
    fn with(key: &str, value: &str) -> Result<(), NotReal> {
        let mut table: toml::Table = REAL.parse().expect("well-formed");
        let value: toml::Table = format!("value = {value}").parse().expect("well-formed");
        let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut inner = &mut table;
        for name in tables.split('.').filter(|name| !name.is_empty()) {
            let entry = inner.entry(name).or_insert(toml::Table::new().into());
            inner = entry.as_table_mut().expect("a table");
        }
        inner.insert(last.to_owned(), value["value"].clone());
        check(&table.try_into().expect("a scenario"))
    }

    #[test]
    fn what_the_real_servers_do_is_not_refused() {
        let done = [
            ("server.helpers", "16"),
            ("server.chunk", "'16 KiB'"),
            ("server.metered", "true"),
            ("server.persistent", "true"),
            ("server.file_cache", "'0 B'"),
            ("server.pool_threads", "4"),
            ("machine.scheduling", "'sptf'"),
            ("cache.policy", "'linux'"),
            ("workload.gap", "'1 s'"),
            ("workload.think", "'0 s'"),
            ("run.start", "'warm'"),
        ];
        for (key, value) in done {
            assert_eq!(with(key, value), Ok(()), "{key} = {value}");
        }
    }

    #[test]
    fn every_key_that_the_real_servers_do_not_have_is_refused_by_name() {
        let beyond = [
            ("servers", "['nb-b', 'nb-uring']"),
            ("servers", "['flash-nb-b']"),
            ("server.data_path", "'sendfile'"),
            ("server.copies", "2"),
            ("server.persistent", "false"),
            ("server.name_cache", "1"),
            ("server.file_cache", "'1 MiB'"),
            ("server.app_cpu", "'1 us'"),
            ("server.log", "true"),
            ("server.accept", "'drain'"),
            ("server.max_events", "512"),
            ("server.name_helpers", "1"),
            ("server.name_test", "'none'"),
            ("server.carriers", "4"),
            ("machine.disks", "2"),
            ("machine.cpus", "2"),
            ("machine.pinned", "false"),
            ("files.span", "'1 GiB'"),
            ("files.unreadable", "1"),
            ("network.loopback", "false"),
            ("network.backlog", "128"),
            ("workload.synthetic", "{ preset = 'rice-like' }"),
            ("workload.arrivals", "{ kind = 'poisson', rate = 10.0 }"),
            ("workload.think", "'1 ms'"),
            ("workload.patience", "'1 s'"),
            ("run.duration", "'10 s'"),
            ("run.precision", "'2%'"),
        ];
        for (key, value) in beyond {
            let refused = with(key, value).expect_err(key);
            assert_eq!(refused.key, key, "{refused}");
            assert!(refused.to_string().starts_with(key));
        }
    }

    #[test]
    fn a_server_without_a_real_one_is_named_with_those_that_have_one() {
        let refused = with("servers", "['nb-b', 'flash-mp']").expect_err("simulated only");
        let said = refused.to_string();
        assert_eq!(
            said,
            "servers: flash-mp is simulated only; validate runs nb-b, nb-amped, nb-laio"
        );
    }
}
