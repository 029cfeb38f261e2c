//! The comparison as tables that fit the page: figures as rows and servers as columns where there
//! are few servers, servers as rows and one table per topic where there are many.

use output::number::{Unit, value};
use output::table::{Medium, Table};
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::server::OpKind;
use sim::stats::Metric;

use super::rows::{Of, Row};
use super::topics::{Topic, shown};

/// Spaces between columns, as [`Table`] sets them.
const GAP: usize = 2;
/// The most servers for which a note lists a figure of each: ours.
const LISTED: usize = 4;

/// The tables of one point, with every figure if `full`.
pub(super) fn comparison(runs: &PointRuns, full: bool, medium: Medium) -> String {
    let topics = shown(runs, full);
    let width = medium.width.map_or(usize::MAX, usize::from);
    let mut tables: Vec<Table> = if width_by_servers(&topics, runs) <= width {
        vec![by_servers(&topics, runs)]
    } else {
        let each = topics
            .iter()
            .flat_map(|topic| by_figures(topic, runs, width));
        each.collect()
    };
    let mut notes = quantile_notes(&topics, runs);
    notes.extend(calls(runs).filter(|_| !full));
    if let Some(last) = tables.pop() {
        tables.push(notes.into_iter().fold(last, Table::note));
    }
    let each: Vec<String> = tables.iter().map(|table| table.render(medium)).collect();
    each.join("\n")
}

/// A column per server.
fn by_servers(topics: &[Topic], runs: &PointRuns) -> Table {
    let headers = runs.servers.iter().map(header);
    let mut table = Table::new(std::iter::once(String::new()).chain(headers))
        .align_right(1..=runs.servers.len());
    for topic in topics {
        let blank = vec![String::new(); runs.servers.len()];
        table = table.row([vec![topic.title.to_owned()], blank].concat());
        for row in &topic.rows {
            let cells = runs.servers.iter().map(|of| row.cell(of, runs));
            table = table.row(std::iter::once(format!("- {}", row.name)).chain(cells));
        }
    }
    table
}

fn width_by_servers(topics: &[Topic], runs: &PointRuns) -> usize {
    let rows = || topics.iter().flat_map(|topic| &topic.rows);
    let names = rows().map(|row| row.name.chars().count() + 2).max();
    let column = |of: &ServerRuns| {
        let cells = rows().map(|row| row.cell(of, runs).chars().count());
        GAP + cells.chain([longest_word(&header(of))]).max().unwrap_or(0)
    };
    names.unwrap_or(0) + runs.servers.iter().map(column).sum::<usize>()
}

/// A row per server, in as many tables as the figures of the topic need, filled evenly.
fn by_figures(topic: &Topic, runs: &PointRuns, width: usize) -> Vec<Table> {
    let names: Vec<String> = runs.servers.iter().map(header).collect();
    let least = names.iter().map(|name| name.chars().count()).max();
    let least = least.unwrap_or(0).max(longest_word(topic.title));
    let column = |row: &Row| {
        let cells = runs.servers.iter();
        let cells = cells.map(|of| row.cell(of, runs).chars().count());
        GAP + cells.chain([longest_word(&row.name)]).max().unwrap_or(0)
    };
    let columns: Vec<usize> = topic.rows.iter().map(column).collect();
    let mut rows = topic.rows.iter();
    let parts = evenly(&columns, width.saturating_sub(least)).into_iter();
    let parts = parts.map(|columns| rows.by_ref().take(columns).collect::<Vec<_>>());
    parts
        .map(|rows| part(topic.title, &names, &rows, runs))
        .collect()
}

/// How many of the columns stand in each part: no more parts than needed, and none wider than
/// needed for that.
fn evenly(columns: &[usize], width: usize) -> Vec<usize> {
    let fewest = filled(columns, width);
    let narrower = (0..width).map(|width| filled(columns, width));
    let mut narrower = narrower.filter(|parts| parts.len() == fewest.len());
    narrower.next().unwrap_or(fewest)
}

/// How many of the columns stand in each part, where each is filled as far as it goes.
fn filled(columns: &[usize], width: usize) -> Vec<usize> {
    let mut parts: Vec<usize> = Vec::new();
    let mut used = 0;
    for column in columns {
        match parts.last_mut() {
            Some(count) if used + column <= width => {
                *count += 1;
                used += column;
            }
            _ => {
                parts.push(1);
                used = *column;
            }
        }
    }
    parts
}

fn part(title: &str, names: &[String], rows: &[&Row], runs: &PointRuns) -> Table {
    let headers = rows.iter().map(|row| row.name.clone());
    let table = Table::new(std::iter::once(title.to_owned()).chain(headers));
    let servers = runs.servers.iter().zip(names);
    servers.fold(table.align_right(1..=rows.len()), |table, (of, name)| {
        let cells = rows.iter().map(|row| row.cell(of, runs));
        table.row(std::iter::once(name.clone()).chain(cells))
    })
}

fn longest_word(text: &str) -> usize {
    let words = text.split_whitespace().map(|word| word.chars().count());
    words.max().unwrap_or(0)
}

fn header(of: &ServerRuns) -> String {
    match (of.done(), of.runs.len()) {
        (_, 0) => format!("{} (cut)", of.server),
        (done, planned) if done < planned => format!("{} (cut: {done} of {planned})", of.server),
        _ => of.server.name(),
    }
}

/// Why quantiles are missing, each once.
fn quantile_notes(topics: &[Topic], runs: &PointRuns) -> Vec<String> {
    let rows = topics.iter().flat_map(|topic| &topic.rows);
    let levels = rows.filter_map(|row| match row.of {
        Of::Quantile(level) => Some(level),
        _ => None,
    });
    let why = |level| {
        let refused = |of: &ServerRuns| Some((of.server, of.quantile_ms(level).err()?));
        let mut all = runs.servers.iter().filter_map(refused);
        let (server, why) = all.next()?;
        let others = match all.count() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        Some(format!("No {level} of {server}{others}: {why}."))
    };
    levels.filter_map(why).collect()
}

/// How often the operations are called: without it a block rate says little.
fn calls(runs: &PointRuns) -> Option<String> {
    let ranked = runs.ranked();
    let of_kind = |kind: OpKind| {
        let means = ranked.iter().map(|of| of.mean(Metric::KindCalls(kind)));
        let means: Vec<Option<f64>> = means.collect();
        let some = means.iter().flatten().any(|mean| *mean > 0.0);
        some.then(|| format!("{} {}", kind.name(), listed(&means)))
    };
    let kinds: Vec<String> = OpKind::ALL.into_iter().filter_map(of_kind).collect();
    let kinds = (!kinds.is_empty()).then(|| kinds.join("; "))?;
    Some(format!(
        "Calls per request, for each server (the best first) where they differ: {kinds}."
    ))
}

/// One figure where all are equal, each where there are few servers, the range otherwise.
fn listed(means: &[Option<f64>]) -> String {
    let text = |mean: Option<f64>| value(mean, Unit::None);
    let mut each: Vec<String> = means.iter().map(|mean| text(*mean)).collect();
    if each.iter().all(|other| *other == each[0]) {
        each.truncate(1);
    }
    if each.len() <= LISTED {
        return each.join(", ");
    }
    let known = || means.iter().flatten().copied();
    let least = known().min_by(f64::total_cmp);
    let most = known().max_by(f64::total_cmp);
    format!("{} to {}", text(least), text(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::{point, server};
    use sim::scenario::Structure;

    const HUNDRED: Medium = Medium {
        width: Some(100),
        bold: false,
    };

    fn shown_for(servers: usize) -> String {
        let structures = Structure::ALL.into_iter().take(servers);
        let servers = structures.map(|it| server(it, &[12_345.678, 12_355.1]));
        comparison(&point(servers.collect()), true, HUNDRED)
    }

    #[test]
    fn any_number_of_servers_fits_a_hundred_columns() {
        for servers in [1, 2, 3, 5, 11] {
            let text = shown_for(servers);
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{servers}: {line}");
            }
            assert!(text.contains("12350 ±60"), "{text}");
        }
    }

    #[test]
    fn parts_are_filled_evenly() {
        assert_eq!(filled(&[4, 4, 4, 4, 4], 16), [4, 1]);
        assert_eq!(evenly(&[4, 4, 4, 4, 4], 16), [3, 2]);
        assert_eq!(evenly(&[4, 4], 8), [2]);
        assert_eq!(evenly(&[90, 4], 50), [1, 1]);
        assert_eq!(evenly(&[], 50), [0; 0]);
    }

    #[test]
    fn few_servers_are_columns_and_many_are_rows() {
        let starts = |text: &str, with: &str| text.lines().any(|line| line.starts_with(with));
        assert!(starts(&shown_for(2), "- requests/s"));
        let many = shown_for(11);
        assert!(
            starts(&many, "nb-uring-hybrid") && starts(&many, "mt"),
            "{many}"
        );
    }
}
