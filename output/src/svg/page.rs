//! The page around the plot area: captions, axes, grid, legend. Each gets the room that its text
//! needs, and the page grows with them.

use super::Captions;
use super::axis::Axis;
use super::captions::Block;
use super::marks::Area;
use super::shape::{Anchor, line, number, turned, words};
use super::text::{self, LABEL, LEADING, SMALL};
use super::ticks::Tick;
use svg::Document;
use svg::node::element::{Definitions, Group, Rectangle, Title};

// Distances in pixels: ours.
const MARGIN: f64 = 14.0;
const GAP: f64 = 10.0;
const TICK: f64 = 5.0;
/// From one entry of the legend to the next.
const ENTRY: f64 = 19.0;
/// Room that each name below the area must have: slanted lines of text then stay apart.
pub(super) const NAME: f64 = 20.0;
/// The width of a legend's sample.
pub(super) const SAMPLE: f64 = 34.0;

const INK: &str = "#222222";
const GRID: &str = "#DDDDDD";
const FAINT: &str = "#F0F0F0";

/// A line of the legend: the sample is drawn around the origin, [`SAMPLE`] pixels wide.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) sample: Group,
}

/// All of a figure but its surroundings.
pub(super) struct Plot {
    pub(super) area: Area,
    pub(super) marks: Group,
    pub(super) definitions: Definitions,
    pub(super) legend: Vec<Entry>,
}

/// Room around the plot area.
struct Room {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// The whole figure.
pub(super) fn render(captions: &Captions, plot: Plot) -> String {
    let Area { width, height, .. } = plot.area;
    let slanted = slanted(&plot.area);
    let mut room = room(&plot, slanted);
    let least = room.left + width + room.right;
    let head = Block::head(captions, least - 2.0 * MARGIN);
    let foot = Block::foot(captions, least - 2.0 * MARGIN);
    let page_width = least.max(head.width().max(foot.width()) + 2.0 * MARGIN);
    room.top += head.height();
    let foot_top = room.top + height.max(plot.legend.len() as f64 * ENTRY) + room.bottom;
    let page_height = foot_top + foot.height() + MARGIN;

    let content = Group::new()
        .set(
            "transform",
            format!("translate({} {})", number(room.left), number(room.top)),
        )
        .add(vertical(&plot.area, room.left))
        .add(plot.marks)
        .add(horizontal(&plot.area, slanted, room.bottom))
        .add(legend(plot.legend, width));
    Document::new()
        .set("width", number(page_width))
        .set("height", number(page_height))
        .set("viewBox", (0, 0, number(page_width), number(page_height)))
        .set("font-family", text::FAMILY)
        .set("fill", INK)
        .set("role", "img")
        .add(Title::new(text::clean(&captions.title)))
        .add(plot.definitions)
        .add(background(page_width, page_height))
        .add(head.draw(MARGIN, MARGIN))
        .add(content)
        .add(foot.draw(MARGIN, foot_top))
        .to_string()
        + "\n"
}

fn background(width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("width", number(width))
        .set("height", number(height))
        .set("fill", "white")
}

fn room(plot: &Plot, slanted: bool) -> Room {
    let Area { x, y, .. } = &plot.area;
    let names = plot.legend.iter().map(|entry| &entry.name[..]);
    let legend = 2.0 * GAP + SAMPLE + widest(names, LABEL);
    let longest = widest(labels(x).map(|(_, label)| label), SMALL);
    let beside = LABEL * LEADING + GAP + widest(labels(y).map(|(_, label)| label), SMALL) + TICK;
    // A slanted label reaches as far to the left and down as its width times cos 45°.
    let (ahead, below) = match slanted {
        true => (
            longest * 0.71 - plot.area.left(x.ticks[0].at),
            longest * 0.71 + SMALL,
        ),
        false => (longest / 2.0, SMALL),
    };
    let beyond_x = (text::width(&x.title, LABEL) - plot.area.width) / 2.0;
    let beyond_y = (text::width(&y.title, LABEL) - plot.area.height) / 2.0;
    Room {
        left: MARGIN + beside.max(ahead).max(beyond_x),
        right: MARGIN + legend.max(longest / 2.0).max(beyond_x),
        top: MARGIN + GAP + (SMALL / 2.0).max(beyond_y),
        bottom: GAP + (TICK + below + LABEL * LEADING + GAP).max(beyond_y),
    }
}

/// The width of the widest of `texts`.
fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64) -> f64 {
    texts
        .map(|text| text::width(text, size))
        .fold(0.0, f64::max)
}

/// The axis' labels and where they stand.
fn labels(axis: &Axis) -> impl Iterator<Item = (f64, &str)> {
    axis.ticks
        .iter()
        .filter_map(|Tick { at, label }| Some((*at, label.as_deref()?)))
}

/// Whether the labels below the area are names that only fit side by side when slanted.
fn slanted(area: &Area) -> bool {
    area.x.named && labels(&area.x).count() > fitting(area).len()
}

/// The labels that fit below the area, from left to right.
fn fitting(area: &Area) -> Vec<(f64, &str)> {
    let mut end = f64::NEG_INFINITY;
    let fits = |(at, label): &(f64, &str)| {
        let half = text::width(label, SMALL) / 2.0;
        let free = area.left(*at) - half >= end;
        if free {
            end = area.left(*at) + half + GAP / 2.0;
        }
        free
    };
    labels(&area.x).filter(fits).collect()
}

/// The y axis with its grid, labels and title.
fn vertical(area: &Area, room: f64) -> Group {
    let mut group = Group::new();
    for tick in &area.y.ticks {
        let y = area.top(tick.at);
        let colour = if tick.label.is_some() { GRID } else { FAINT };
        group = group.add(line((0.0, y), (area.width, y), colour));
    }
    for (at, label) in labels(&area.y) {
        let y = area.top(at);
        group = group.add(line((-TICK, y), (0.0, y), INK)).add(words(
            label,
            (-TICK - 3.0, y + SMALL * 0.36),
            SMALL,
            Anchor::End,
        ));
    }
    let title = (MARGIN + LABEL - room, area.height / 2.0);
    group
        .add(line((0.0, 0.0), (0.0, area.height), INK))
        .add(turned(&area.y.title, title, -90.0, LABEL, Anchor::Middle))
}

/// The x axis with its labels and title, which ends `room` pixels below it.
fn horizontal(area: &Area, slanted: bool, room: f64) -> Group {
    let bottom = area.height;
    let mut group = Group::new().add(line((0.0, bottom), (area.width, bottom), INK));
    for tick in area.x.ticks.iter().filter(|_| !area.x.named) {
        let x = area.left(tick.at);
        let length = if tick.label.is_some() {
            TICK
        } else {
            TICK / 2.0
        };
        group = group.add(line((x, bottom), (x, bottom + length), INK));
    }
    let below = bottom + TICK + SMALL + 2.0;
    if slanted {
        for (at, label) in labels(&area.x) {
            let point = (area.left(at) + SMALL * 0.4, below - 3.0);
            group = group.add(turned(label, point, -45.0, SMALL, Anchor::End));
        }
    } else {
        for (at, label) in fitting(area) {
            group = group.add(words(label, (area.left(at), below), SMALL, Anchor::Middle));
        }
    }
    let title = (area.width / 2.0, bottom + room - GAP);
    group.add(words(&area.x.title, title, LABEL, Anchor::Middle))
}

/// The legend, to the right of the area.
fn legend(entries: Vec<Entry>, area_width: f64) -> Group {
    let left = area_width + GAP;
    let group = Group::new();
    entries
        .into_iter()
        .enumerate()
        .fold(group, |group, (index, entry)| {
            let y = SMALL + index as f64 * ENTRY;
            let place = format!("translate({} {})", number(left + SAMPLE / 2.0), number(y));
            let name = (left + SAMPLE + GAP / 2.0, y + LABEL * 0.36);
            group.add(entry.sample.set("transform", place)).add(words(
                &entry.name,
                name,
                LABEL,
                Anchor::Start,
            ))
        })
}
