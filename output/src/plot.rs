//! Horizontal bar charts in text.

use crate::wrap::width;

/// The narrowest bar, in characters, that stands on the line of its label and value: our choice.
const LEAST_BAR: usize = 10;
/// Blocks that fill an eighth, two eighths, ... of a character from the left.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// One bar of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is of, to its left.
    pub label: String,
    /// Its length; none, less than zero or not finite: no bar.
    pub value: Option<f64>,
    /// The half width of the value's confidence interval, drawn as `├─┼─┤` where it is wider than
    /// a character.
    pub half_width: Option<f64>,
    /// The value in words, to its right.
    pub text: String,
}

impl Bar {
    /// The value, if there is a bar to draw.
    fn length(&self) -> Option<f64> {
        self.value.filter(|v| v.is_finite() && *v >= 0.0)
    }

    fn half_width(&self) -> f64 {
        self.half_width
            .filter(|h| h.is_finite())
            .map_or(0.0, f64::abs)
    }
}

/// The bars below each other in lines of at most `limit` characters, each with a final newline.
///
/// They start at zero and share a scale, on which the longest bar with its interval fills the
/// line. Where labels and values leave too little room for bars, these get lines of their own.
pub fn bars(bars: &[Bar], limit: usize) -> String {
    let labels = bars.iter().map(|bar| width(&bar.label)).max().unwrap_or(0);
    let texts = bars.iter().map(|bar| width(&bar.text)).max().unwrap_or(0);
    let beside = limit.saturating_sub(labels + texts + 2);
    let own_line = beside < LEAST_BAR;
    let room = if own_line { limit.max(1) } else { beside };
    let ends = bars
        .iter()
        .filter_map(|bar| Some(bar.length()? + bar.half_width()));
    let longest = ends.fold(0.0, f64::max);
    let mut chart = String::new();
    for bar in bars {
        let Bar { label, text, .. } = bar;
        let drawn = draw(bar, longest, room);
        if own_line {
            chart += &format!("{label} {text}\n{drawn}\n");
        } else {
            let fill = " ".repeat(labels - width(label));
            let gap = " ".repeat(room - width(&drawn));
            chart += &format!("{label}{fill} {drawn}{gap} {text}\n");
        }
    }
    chart
}

/// The bar itself, in at most `room` characters for `longest`.
fn draw(bar: &Bar, longest: f64, room: usize) -> String {
    let Some(value) = bar.length().filter(|_| longest > 0.0) else {
        return String::new();
    };
    let at = |x: f64| (x / longest * room as f64).max(0.0);
    let cell = |x: f64| (at(x) as usize).min(room - 1);
    let (low, high) = (
        cell(value - bar.half_width()),
        cell(value + bar.half_width()),
    );
    if low == high {
        return blocks(at(value));
    }
    let middle = cell(value);
    let mark = |index| match index {
        _ if index < low => '█',
        _ if index == middle => '┼',
        _ if index == low => '├',
        _ if index == high => '┤',
        _ => '─',
    };
    (0..=high).map(mark).collect()
}

/// A bar of `length` characters, to the nearest eighth.
fn blocks(length: f64) -> String {
    let eighths = (length * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend((!eighths.is_multiple_of(8)).then(|| EIGHTHS[eighths % 8 - 1]));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: f64, half_width: f64) -> Bar {
        Bar {
            label: label.into(),
            value: Some(value),
            half_width: Some(half_width),
            text: format!("{value} ±{half_width}"),
        }
    }

    #[test]
    fn bars_share_a_scale_and_show_their_intervals() {
        let chart = bars(&[bar("nb-b", 10.0, 0.0), bar("nb-laio", 35.0, 5.0)], 32);
        let expected = "\
nb-b    ████▌              10 ±0
nb-laio █████████████├─┼─┤ 35 ±5
";
        assert_eq!(chart, expected);
    }

    #[test]
    fn lengths_are_drawn_to_an_eighth() {
        assert_eq!(blocks(0.0), "");
        assert_eq!(blocks(2.0), "██");
        assert_eq!(blocks(2.13), "██▏");
        assert_eq!(blocks(2.9), "██▉");
        assert_eq!(blocks(2.97), "███");
    }

    #[test]
    fn no_line_is_longer_than_the_limit_when_text_leaves_room() {
        for limit in 12..100 {
            for half_width in [0.0, 0.3, 3.0, 500.0] {
                let chart = bars(&[bar("a", 7.0, half_width), bar("bcd", 3.1, 0.2)], limit);
                for line in chart.lines() {
                    assert!(width(line) <= limit, "{limit}: {line}");
                }
                assert!(chart.contains("7 ±") && chart.contains("bcd"), "{chart}");
            }
        }
    }

    #[test]
    fn narrow_terminals_get_bars_on_lines_of_their_own() {
        let chart = bars(&[bar("nb-laio", 4.0, 0.0), bar("nb-b", 2.0, 0.0)], 12);
        assert_eq!(chart, "nb-laio 4 ±0\n████████████\nnb-b 2 ±0\n██████\n");
    }

    #[test]
    fn what_has_no_length_has_no_bar() {
        let none = |value| Bar {
            value,
            ..bar("a", 1.0, f64::NAN)
        };
        for value in [None, Some(f64::NAN), Some(-1.0), Some(0.0)] {
            let chart = bars(&[none(value), bar("b", 2.0, 0.0)], 30);
            let first = chart.lines().next().unwrap();
            assert!(!first.contains(['█', '┼']), "{value:?}: {first}");
        }
        assert_eq!(bars(&[], 30), "");
        let zeros = bars(&[bar("a", 0.0, 0.0)], 30);
        assert!(
            zeros.contains("a ") && zeros.ends_with(" 0 ±0\n"),
            "{zeros}"
        );
    }
}
