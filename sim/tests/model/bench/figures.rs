//! The machine profile of a bench.

use sim::engine::Nanos;
use toml::Table;

use super::Bench;

impl Bench {
    /// Sets a figure of the machine profile.
    pub(crate) fn figure(mut self, name: &str, value: &str) -> Self {
        let mut keys = name.split('.');
        let section = &mut self.profile[keys.next().expect("a section")];
        keys.fold(section, |value, key| &mut value[key])["value"] = value.into();
        self
    }

    /// Sets every CPU time and delay; see [`Bench::figure`].
    pub(crate) fn times(self, value: &str) -> Self {
        self.each_figure(|name| !name.starts_with("memory."), value)
    }

    /// A machine whose CPU is infinitely fast and whose processes take no memory.
    pub(crate) fn free(self) -> Self {
        self.times("0 ns")
            .each_figure(|name| name.starts_with("memory."), "0 B")
    }

    /// Multiplies every CPU time and delay.
    pub(crate) fn times_times(self, factor: u64) -> Self {
        let names = self.figures();
        let times = names.iter().filter(|name| !name.starts_with("memory."));
        times.fold(self, |bench, name| {
            let time: Nanos = bench.figure_text(name).parse().expect("a time");
            bench.figure(name, &format!("{} ns", time.0 * factor))
        })
    }

    /// A figure as the profile has it.
    pub(crate) fn figure_text(&self, name: &str) -> &str {
        let mut keys = name.split('.');
        let section = &self.profile[keys.next().expect("a section")];
        keys.fold(section, |value, key| &value[key])["value"]
            .as_str()
            .expect("text")
    }

    /// Takes less memory than real processes do, so that little of it can be left for the cache.
    pub(crate) fn small_processes(self) -> Self {
        self.figure("memory.process", "64 KiB")
            .figure("memory.helper", "16 KiB")
            .figure("memory.carrier", "8 KiB")
            .figure("memory.connection", "4 KiB")
            .figure("memory.buffer_page", "64 B")
            .figure("memory.inode", "1300 B")
    }

    fn each_figure(self, which: impl Fn(&str) -> bool, value: &str) -> Self {
        let names = self.figures();
        let chosen = names.iter().filter(|name| which(name));
        chosen.fold(self, |bench, name| bench.figure(name, value))
    }

    /// The names of all figures of the machine profile, "section.figure" or "idle.curve.figure".
    pub(crate) fn figures(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.profile, "", &mut names);
        names
    }
}

fn collect(table: &Table, prefix: &str, names: &mut Vec<String>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value.as_table() {
            Some(figure) if figure.contains_key("value") => names.push(name),
            Some(section) => collect(section, &format!("{name}."), names),
            None => {}
        }
    }
}
