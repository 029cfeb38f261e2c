//! Comparison tables for a terminal, a file or a Markdown page.

use crate::wrap::{width, wrap};
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement};
use comfy_table::{LineStyle, Width};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, stdout};

/// Spaces between columns.
const GAP: u16 = 2;

/// Where a table is going to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Medium {
    /// Characters per line; `None`: no limit, as in a file.
    pub width: Option<u16>,
    /// Whether headers may be bold (by terminal escape sequences).
    pub bold: bool,
}

impl Medium {
    /// The standard output: its width and bold headers if it is a terminal, plain text of any
    /// width if not. A non-empty `NO_COLOR` (<https://no-color.org>) forbids the bold headers.
    pub fn stdout() -> Self {
        let width = stdout()
            .is_terminal()
            .then(|| comfy_table::Table::new().width());
        Self::choose(width, std::env::var_os("NO_COLOR").as_deref())
    }

    /// `terminal`: none if it is not a terminal, otherwise its width if that is known. Zero columns
    /// are the kernel's word for unknown: what a pseudo-terminal has before someone sets its size.
    fn choose(terminal: Option<Option<u16>>, no_color: Option<&OsStr>) -> Self {
        Self {
            width: terminal.flatten().filter(|columns| *columns > 0),
            bold: terminal.is_some() && no_color.is_none_or(OsStr::is_empty),
        }
    }
}

/// A table: a title, headers, rows, notes below.
///
/// Shown (`to_string`) for the standard output. Where it is too narrow, text wraps between words;
/// figures (right-aligned columns) are never broken. Where not even that fits, each row is set as
/// a list of its cells. Nothing is left out.
#[derive(Clone, Debug)]
pub struct Table {
    title: Option<String>,
    headers: Vec<String>,
    right: BTreeSet<usize>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// A table with these column headers; a header names its unit.
    pub fn new<S: Into<String>>(headers: impl IntoIterator<Item = S>) -> Self {
        Self {
            title: None,
            headers: headers.into_iter().map(Into::into).collect(),
            right: BTreeSet::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Sets the line above the table.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Aligns these columns (from 0) to the right, as figures should be.
    pub fn align_right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.right.extend(columns);
        self
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If it has more or fewer cells than there are headers.
    pub fn row<S: Into<String>>(mut self, cells: impl IntoIterator<Item = S>) -> Self {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.headers.len(), "a cell for each header");
        self.rows.push(cells);
        self
    }

    /// Adds a paragraph below the table.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The table as text for `medium`, with a final newline.
    pub fn render(&self, medium: Medium) -> String {
        let limit = medium.width.map_or(usize::MAX, usize::from);
        let mut text = String::new();
        for line in self.title.iter().flat_map(|title| wrap(title, limit)) {
            text += &format!("{line}\n");
        }
        let grid = self.grid(medium.width, false);
        if grid.lines().any(|line| width(line) > limit) {
            text += &self.lists(limit);
        } else {
            text += &self.grid(medium.width, medium.bold);
        }
        for line in self.notes.iter().flat_map(|note| wrap(note, limit)) {
            text += &format!("{line}\n");
        }
        text
    }

    /// The table as Markdown (GitHub's dialect), with a final newline.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        if let Some(title) = &self.title {
            text += &format!("**{}**\n\n", escape(title));
        }
        let rule = (0..self.headers.len()).map(|column| match self.right.contains(&column) {
            true => "---:".to_owned(),
            false => "---".to_owned(),
        });
        markdown_row(&mut text, self.headers.iter().map(|cell| escape(cell)));
        markdown_row(&mut text, rule);
        for row in &self.rows {
            markdown_row(&mut text, row.iter().map(|cell| escape(cell)));
        }
        for note in &self.notes {
            text += &format!("\n{note}\n");
        }
        text
    }

    /// Headers and rows in columns.
    fn grid(&self, limit: Option<u16>, bold: bool) -> String {
        let mut grid = comfy_table::Table::new();
        grid.load_style(NOTHING.header_separator(LineStyle::none().fill('─')))
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(self.headers.iter().map(|header| match bold {
                true => Cell::new(header).add_attribute(Attribute::Bold),
                false => Cell::new(header),
            }))
            .add_rows(&self.rows);
        match limit {
            Some(limit) => grid.set_width(limit),
            None => grid.set_content_arrangement(ContentArrangement::Disabled),
        };
        match bold {
            true => grid.enforce_styling(),
            false => grid.force_no_tty(),
        };
        for (index, column) in grid.column_iter_mut().enumerate() {
            let last = index + 1 == self.headers.len();
            column.set_padding((0, if last { 0 } else { GAP }));
            let least = self.least_width(index) + usize::from(column.padding_width());
            let least = Width::Fixed(u16::try_from(least).unwrap_or(u16::MAX));
            column.set_constraint(ColumnConstraint::LowerBoundary(least));
            if self.right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        grid.trim_fmt() + "\n"
    }

    /// Characters that a column needs: its longest word, and its longest figure as a whole.
    fn least_width(&self, column: usize) -> usize {
        let header = self.headers[column].split_whitespace().map(width).max();
        let cells = self.rows.iter().map(|row| &row[column]);
        let cell = if self.right.contains(&column) {
            cells.map(|cell| width(cell)).max()
        } else {
            cells
                .flat_map(|cell| cell.split_whitespace())
                .map(width)
                .max()
        };
        header.max(cell).unwrap_or(0)
    }

    /// Each row as a list of `header: cell`, an empty line between rows.
    fn lists(&self, limit: usize) -> String {
        let lists = self.rows.iter().map(|row| {
            let lines = row.iter().enumerate();
            let lines = lines.flat_map(|(column, cell)| self.list_item(column, cell, limit));
            lines.fold(String::new(), |text, line| text + &line + "\n")
        });
        lists.collect::<Vec<_>>().join("\n")
    }

    fn list_item(&self, column: usize, cell: &str, limit: usize) -> Vec<String> {
        let header = &self.headers[column];
        let line = format!("{header}: {cell}");
        if width(&line) <= limit || !self.right.contains(&column) {
            return wrap(&line, limit);
        }
        let mut lines = wrap(&format!("{header}:"), limit);
        lines.push(cell.to_owned());
        lines
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Medium::stdout()))
    }
}

fn markdown_row(text: &mut String, cells: impl Iterator<Item = String>) {
    text.push('|');
    for cell in cells {
        // Writing to a String cannot fail.
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

/// What would end a cell, as Markdown that does not.
fn escape(cell: &str) -> String {
    cell.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('\n', "<br>")
}

#[cfg(test)]
mod tests;
