//! Where the order of two servers changes along an axis.

use super::point::Finished;
use super::slices::Slice;

/// A server is better than another on one side, and worse on the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crossover {
    /// Index of the last point of the slice at which `loser` was ahead.
    pub(super) before: usize,
    /// Index of the first at which `winner` is.
    pub(super) after: usize,
    /// Who overtakes.
    pub(super) winner: String,
    /// Who is overtaken.
    pub(super) loser: String,
}

/// The crossovers of throughput along a slice. Only leads whose 95 % interval excludes zero count:
/// points between two such leads decide nothing.
pub(super) fn of(slice: &Slice<'_>) -> Vec<Crossover> {
    let points: Vec<&Finished> = slice.points.iter().map(|(_, point)| *point).collect();
    let mut names: Vec<&str> = Vec::new();
    for of in points.iter().flat_map(|point| &point.servers) {
        if !names.contains(&of.server.as_str()) {
            names.push(&of.server);
        }
    }
    let pairs = (0..names.len()).flat_map(|a| (a + 1..names.len()).map(move |b| (a, b)));
    let mut found: Vec<Crossover> = pairs
        .flat_map(|(a, b)| of_pair(&points, names[a], names[b]))
        .collect();
    found.sort_by_key(|crossover| (crossover.before, crossover.after));
    found
}

fn of_pair(points: &[&Finished], a: &str, b: &str) -> Vec<Crossover> {
    let mut found = Vec::new();
    let mut last: Option<(usize, bool)> = None;
    for (index, point) in points.iter().enumerate() {
        let Some(ahead) = ahead(point, a, b) else {
            continue;
        };
        if let Some((before, _)) = last.filter(|(_, was_ahead)| *was_ahead != ahead) {
            let (winner, loser) = if ahead { (a, b) } else { (b, a) };
            found.push(Crossover {
                before,
                after: index,
                winner: winner.to_owned(),
                loser: loser.to_owned(),
            });
        }
        last = Some((index, ahead));
    }
    found
}

/// Whether `a` is ahead of `b`; `None` if no difference is proved.
fn ahead(point: &Finished, a: &str, b: &str) -> Option<bool> {
    let lead = point.server(a)?.lead(point.server(b)?)?;
    lead.excludes_zero().then_some(lead.mean > 0.0)
}

#[cfg(test)]
mod tests {
    use super::super::point::tests::point;
    use super::super::quantity::Measure;
    use super::super::slices::along;
    use super::*;

    /// Points at 1, 2, 3, .. with a server "a" of a throughput of 100 and a server "b" of these.
    fn crossovers(b: &[[f64; 2]]) -> Vec<Crossover> {
        let points: Vec<Finished> = b
            .iter()
            .enumerate()
            .map(|(index, b)| {
                let at = (index + 1).to_string();
                let servers: [(&str, &[f64]); 2] = [("a", &[100.0, 100.0]), ("b", b)];
                point(index, &[("key", &at)], &servers)
            })
            .collect();
        let values: Vec<String> = points.iter().map(|it| it.values[0].1.clone()).collect();
        let measure = Measure::of("key", &values).expect("numbers");
        let slices = along(&points, 0, &measure);
        assert_eq!(slices.len(), 1);
        of(&slices[0])
    }

    #[test]
    fn a_proved_change_of_order_is_a_crossover() {
        let found = crossovers(&[[90.0, 90.1], [110.0, 110.1], [120.0, 120.1]]);
        let expected = Crossover {
            before: 0,
            after: 1,
            winner: "b".to_owned(),
            loser: "a".to_owned(),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn points_without_a_proved_difference_are_between() {
        let found = crossovers(&[[90.0, 90.1], [50.0, 160.0], [120.0, 120.1]]);
        assert_eq!((found[0].before, found[0].after), (0, 2));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn noise_is_no_crossover() {
        assert_eq!(crossovers(&[[50.0, 149.0], [40.0, 170.0]]), []);
        assert_eq!(crossovers(&[[90.0, 90.1], [50.0, 160.0]]), []);
    }
}
