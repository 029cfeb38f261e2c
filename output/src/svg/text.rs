//! Text in a figure: how wide it is likely to be, and what XML allows in it.

use crate::wrap::wrap;

/// Font families, any of which will do.
pub(super) const FAMILY: &str = "Helvetica, Arial, 'DejaVu Sans', sans-serif";
/// Size of titles, in pixels. The sizes are ours.
pub(super) const TITLE: f64 = 15.0;
/// Size of axis titles, legends and subtitles, in pixels.
pub(super) const LABEL: f64 = 12.0;
/// Size of tick labels and notes, in pixels.
pub(super) const SMALL: f64 = 11.0;
/// Distance of baselines as a multiple of the size.
pub(super) const LEADING: f64 = 1.35;

/// The width of `text` at `size`, in pixels: rounded up from the advances of DejaVu Sans, one of
/// the widest of the fonts in question; other scripts count as full-width.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The advance of `c` in em.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '.' | ',' | ':' | ';' | '|' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | 'I' | 'J' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.0,
        'A'..='Z' | '+' | '=' | '<' | '>' | '&' | '#' | '~' | '±' => 0.84,
        '\0'..='\u{24f}' => 0.64,
        _ => 1.0,
    }
}

/// `text` in lines that are likely to fit `limit` pixels.
pub(super) fn lines(text: &str, size: f64, limit: f64) -> Vec<String> {
    // 0.58 em: an average over English prose in the advances above.
    wrap(text, (limit / (size * 0.58)) as usize)
}

/// `text` without the characters that XML 1.0 forbids (section 2.2) and without line breaks.
pub(super) fn clean(text: &str) -> String {
    let fine = |c: char| match c {
        '\n' | '\t' | '\r' => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(fine).collect()
}
