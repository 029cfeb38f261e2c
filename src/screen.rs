//! Text for the standard output.

use std::io::{ErrorKind, Write};

use output::table::{Medium, Table};

use crate::failure::Failure;

/// Characters per line of prose and charts where the standard output is no terminal, and the most
/// where it is: longer lines are hard to read. Ours.
pub(crate) const COLUMNS: u16 = 100;

/// The standard output with lines of at most [`COLUMNS`] characters.
pub(crate) fn page() -> Medium {
    let medium = Medium::stdout();
    Medium {
        width: Some(medium.width.map_or(COLUMNS, |width| width.min(COLUMNS))),
        ..medium
    }
}

/// The standard output for tables: the terminal's width, or [`COLUMNS`] where there is none.
pub(crate) fn wide() -> Medium {
    let medium = Medium::stdout();
    Medium {
        width: medium.width.or(Some(COLUMNS)),
        ..medium
    }
}

/// Paragraphs below a heading.
pub(crate) fn prose(heading: &str, paragraphs: &[String]) -> String {
    let table = Table::new([heading]);
    let rows = paragraphs.iter();
    let table = rows.fold(table, |table, paragraph| table.row([paragraph.as_str()]));
    table.render(page())
}

/// Writes `text` to the standard output. A reader that has gone (`| head`) has read enough.
///
/// # Errors
/// Any other reason why it cannot be written.
pub(crate) fn show(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Broken(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
