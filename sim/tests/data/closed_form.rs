//! The table of closed forms, for every test binary that compares with them.

/// The value of a quantity in `queueing.csv`.
///
/// # Panics
/// If there is none.
pub(crate) fn closed_form(model: &str, parameters: &str, quantity: &str) -> f64 {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(include_str!("queueing.csv").as_bytes());
    let row = reader
        .records()
        .map(|row| row.expect("a row"))
        .find(|row| &row[1] == model && &row[2] == parameters && &row[3] == quantity)
        .unwrap_or_else(|| panic!("no row {model}, {parameters}, {quantity}"));
    row[4].parse().expect("a number")
}
