//! Figures: throughput, response times and block rate against every axis of quantities.

use output::files::OutputDir;
use output::number::Unit;
use output::svg::{Across, Captions, Estimate, LineSeries, Lines, PlotError, Point, Quantity};
use sim::scenario::load::Loaded;
use sim::scenario::profiles::validation_of;
use sim::stats::Metric;

use super::identity::values;
use super::point::{Figures, Finished};
use super::quantity::Measure;
use super::slices::{Slice, along};
use crate::failure::Failure;

/// Combinations of the other axes' values that get figures of their own at most; of more, only
/// the first does.
const COMBINATIONS: usize = 6;

/// What a figure shows.
#[derive(Clone, Copy)]
enum Shown {
    Throughput,
    Response,
    Tail,
    BlockRate,
}

impl Shown {
    const ALL: [Self; 4] = [
        Self::Throughput,
        Self::Response,
        Self::Tail,
        Self::BlockRate,
    ];

    /// In file names.
    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Response => "response-mean",
            Self::Tail => "response-p99",
            Self::BlockRate => "block-rate",
        }
    }

    fn quantity(self) -> Quantity {
        let (title, unit) = match self {
            Self::Throughput => ("throughput [requests/s]", Unit::None),
            Self::Response => ("mean response time", Unit::Seconds),
            Self::Tail => ("99th percentile of the response times", Unit::Seconds),
            Self::BlockRate => ("block rate", Unit::Share),
        };
        Quantity {
            title: title.to_owned(),
            unit,
        }
    }

    fn estimate(self, of: &Figures) -> Estimate {
        let scaled = |mean: f64, half_width: Option<f64>, factor: f64| Estimate {
            value: Some(mean * factor),
            half_width: half_width.map(|half| half * factor),
        };
        let metric = |metric: Metric, factor: f64| {
            let estimate = of.estimate(metric);
            estimate.map(|it| scaled(it.mean, it.half_width, factor))
        };
        let estimate = match self {
            Self::Throughput => metric(Metric::Throughput, 1.0),
            Self::Response => metric(Metric::ResponseMean, 1e-3),
            Self::Tail => of
                .p99_ms
                .as_ref()
                .ok()
                .map(|&(mean, half)| scaled(mean, half, 1e-3)),
            Self::BlockRate => metric(Metric::BlockRate, 1.0),
        };
        estimate.unwrap_or_default()
    }
}

/// Writes the figures; what is to be said about them.
///
/// # Errors
/// One cannot be written.
pub(super) fn write(
    folder: &OutputDir,
    loaded: &Loaded,
    points: &[Finished],
) -> Result<Vec<String>, Failure> {
    let mut drawing = Drawing {
        folder,
        loaded,
        notes: Vec::new(),
        written: Vec::new(),
    };
    for (index, axis) in loaded.axes.iter().enumerate() {
        match Measure::of(axis, &values(loaded, index)) {
            Some(measure) => drawing.axis(axis, &measure, along(points, index, &measure))?,
            None => drawing.notes.push(format!(
                "No figures against {axis}: its values are no quantities, or fewer than two."
            )),
        }
    }
    Ok(drawing.notes)
}

struct Drawing<'a> {
    folder: &'a OutputDir,
    loaded: &'a Loaded,
    notes: Vec<String>,
    /// Names of the files so far.
    written: Vec<String>,
}

impl Drawing<'_> {
    fn axis(
        &mut self,
        axis: &str,
        measure: &Measure,
        mut slices: Vec<Slice<'_>>,
    ) -> Result<(), Failure> {
        if slices.len() > COMBINATIONS {
            self.notes.push(format!(
                "The figures against {axis} are for {} only, the first of {} combinations.",
                slices[0].conditions(),
                slices.len()
            ));
            slices.truncate(1);
        }
        for slice in &slices {
            for shown in Shown::ALL {
                self.figure(axis, measure, slice, shown)?;
            }
        }
        Ok(())
    }

    fn figure(
        &mut self,
        axis: &str,
        measure: &Measure,
        slice: &Slice<'_>,
        shown: Shown,
    ) -> Result<(), Failure> {
        let lines = Lines {
            captions: self.captions(axis, slice, shown),
            x: Across::Measured {
                quantity: measure.quantity(),
                scale: measure.scale(),
            },
            y: shown.quantity(),
            series: series(slice, shown),
        };
        match lines.render() {
            Ok(svg) => {
                let name = self.free_name(axis, slice, shown);
                let written = self.folder.text(&name, &svg);
                written.map_err(|error| Failure::writing(&error))?;
                self.written.push(name);
            }
            Err(PlotError::Empty { title }) => self.notes.push(match why_no_tail(slice, shown) {
                Some(why) => format!("No figure \"{title}\": {why}."),
                None => format!("No figure \"{title}\": no point has a value."),
            }),
            Err(other) => return Err(Failure::Broken(other.to_string())),
        }
        Ok(())
    }

    fn captions(&self, axis: &str, slice: &Slice<'_>, shown: Shown) -> Captions {
        let title = format!("{} against {axis}", shown.name().replace('-', " "));
        let conditions = Some(slice.conditions()).filter(|text| !text.is_empty());
        let mut notes = vec!["Bars: 95 % intervals over the replications.".to_owned()];
        for (_, point) in &slice.points {
            let profile = &self.loaded.points[point.index].scenario.machine.profile;
            let validation = validation_of(profile);
            if !notes.contains(&validation) {
                notes.push(validation);
            }
        }
        Captions {
            title,
            subtitles: std::iter::once(self.loaded.title.clone())
                .chain(conditions)
                .collect(),
            notes,
        }
    }

    /// A file name that says what is shown.
    fn free_name(&self, axis: &str, slice: &Slice<'_>, shown: Shown) -> String {
        let mut stem = format!("{}-by-{}", shown.name(), plain(axis));
        for (key, value) in &slice.others {
            stem += &format!("-at-{}-{}", plain(key), plain(value));
        }
        let numbered = (2..).map(|number| format!("{stem}-{number}.svg"));
        let mut names = std::iter::once(format!("{stem}.svg")).chain(numbered);
        let free = names.find(|name| !self.written.contains(name));
        free.expect("there are more numbers than files")
    }
}

/// Letters, digits and points only; between them, dashes.
fn plain(text: &str) -> String {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// A line per server; one that is not compared at a point has none there.
fn series(slice: &Slice<'_>, shown: Shown) -> Vec<LineSeries> {
    let mut series: Vec<LineSeries> = Vec::new();
    for &(x, point) in &slice.points {
        for of in &point.servers {
            let placed = Point {
                x,
                y: shown.estimate(of),
            };
            match series.iter_mut().find(|line| line.name == of.server) {
                Some(line) => line.points.push(placed),
                None => series.push(LineSeries {
                    name: of.server.clone(),
                    points: vec![placed],
                }),
            }
        }
    }
    series
}

/// Why a slice has no 99th percentile, if that is what is shown.
fn why_no_tail(slice: &Slice<'_>, shown: Shown) -> Option<String> {
    let mut all = slice.points.iter().flat_map(|(_, point)| &point.servers);
    match shown {
        Shown::Tail => all.find_map(|of| of.p99_ms.as_ref().err().cloned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_have_nothing_that_a_shell_or_path_would_mind() {
        assert_eq!(plain("64 MiB"), "64-MiB");
        assert_eq!(plain("[\"nb-b\", \"../mp\"]"), "nb-b-..-mp");
        assert_eq!(plain("cache.memory"), "cache.memory");
    }
}
