//! The text above and below a figure.

use super::Captions;
use super::shape::{Anchor, words};
use super::text::{self, LABEL, LEADING, SMALL, TITLE};
use svg::node::Node;
use svg::node::element::Group;

/// Lines of text below each other, with their sizes.
pub(super) struct Block(Vec<(String, f64, &'static str)>);

impl Block {
    /// Title and subtitles in lines of `limit` pixels.
    pub(super) fn head(captions: &Captions, limit: f64) -> Self {
        let title = text::lines(&captions.title, TITLE, limit);
        let mut lines: Vec<_> = title
            .into_iter()
            .map(|line| (line, TITLE, "bold"))
            .collect();
        for subtitle in &captions.subtitles {
            let wrapped = text::lines(subtitle, LABEL, limit);
            lines.extend(wrapped.into_iter().map(|line| (line, LABEL, "normal")));
        }
        Self(lines)
    }

    /// The notes, likewise.
    pub(super) fn foot(captions: &Captions, limit: f64) -> Self {
        let notes = captions.notes.iter();
        let lines = notes.flat_map(|note| text::lines(note, SMALL, limit));
        Self(lines.map(|line| (line, SMALL, "normal")).collect())
    }

    pub(super) fn width(&self) -> f64 {
        let widths = self
            .0
            .iter()
            .map(|(line, size, _)| text::width(line, *size));
        widths.fold(0.0, f64::max)
    }

    pub(super) fn height(&self) -> f64 {
        self.0.iter().map(|(_, size, _)| size * LEADING).sum()
    }

    /// The lines, from `top` down, `left` pixels from the left.
    pub(super) fn draw(&self, left: f64, top: f64) -> Group {
        let mut y = top;
        let mut group = Group::new();
        for (line, size, weight) in &self.0 {
            y += size * LEADING;
            let mut text = words(
                line,
                (left, y - size * (LEADING - 1.0)),
                *size,
                Anchor::Start,
            );
            text.assign("font-weight", *weight);
            group = group.add(text);
        }
        group
    }
}
