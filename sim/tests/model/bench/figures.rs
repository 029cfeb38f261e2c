//! The machine profile of a bench.

use sim::engine::Nanos;

use super::Bench;

impl Bench {
    /// Sets a figure of the machine profile.
    pub(crate) fn figure(mut self, name: &str, value: &str) -> Self {
        let (section, figure) = name.split_once('.').expect("section.figure");
        self.profile[section][figure]["value"] = value.into();
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
        let (section, figure) = name.split_once('.').expect("section.figure");
        self.profile[section][figure]["value"]
            .as_str()
            .expect("text")
    }

    /// Takes less memory than real processes do, so that little of it can be left for the cache.
    pub(crate) fn small_processes(self) -> Self {
        self.figure("memory.process", "64 KiB")
            .figure("memory.helper", "16 KiB")
            .figure("memory.carrier", "8 KiB")
            .figure("memory.connection", "4 KiB")
            .figure("memory.inode", "1300 B")
    }

    fn each_figure(self, which: impl Fn(&str) -> bool, value: &str) -> Self {
        let names = self.figures();
        let chosen = names.iter().filter(|name| which(name));
        chosen.fold(self, |bench, name| bench.figure(name, value))
    }

    /// The names of all figures of the machine profile, "section.figure".
    pub(crate) fn figures(&self) -> Vec<String> {
        let sections = self.profile.iter().filter_map(|(section, value)| {
            let table = value.as_table()?;
            Some(table.keys().map(move |key| format!("{section}.{key}")))
        });
        sections.flatten().collect()
    }
}
