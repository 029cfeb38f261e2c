use super::*;

fn comparison() -> Table {
    Table::new(["server", "throughput [requests/s]", "p99 [ms]", "remark"])
        .title("Cold cache, 32 clients")
        .align_right([1, 2])
        .row([
            "nb-b",
            "243.0 ±8.1",
            "550 ±30",
            "the loop sleeps in every miss",
        ])
        .row([
            "nb-laio",
            "1234 ±12",
            "9.1 ±0.2",
            "near the best | everywhere",
        ])
        .note("Intervals: 95 %.")
}

fn plain(width: Option<u16>) -> Medium {
    Medium { width, bold: false }
}

#[test]
fn without_a_limit_every_row_is_one_line_with_figures_to_the_right() {
    let expected = "\
Cold cache, 32 clients
server   throughput [requests/s]  p99 [ms]  remark
─────────────────────────────────────────────────────────────────────────
nb-b                  243.0 ±8.1   550 ±30  the loop sleeps in every miss
nb-laio                 1234 ±12  9.1 ±0.2  near the best | everywhere
Intervals: 95 %.
";
    assert_eq!(comparison().render(plain(None)), expected);
}

#[test]
fn at_every_width_nothing_is_lost_and_no_figure_is_broken() {
    let words: Vec<_> = "Cold 32 server throughput [requests/s] p99 [ms] remark nb-b loop sleeps \
                         every miss nb-laio near the best | everywhere Intervals: 95 %."
        .split_whitespace()
        .collect();
    for limit in 1..=120 {
        let text = comparison().render(plain(Some(limit)));
        for word in &words {
            assert!(text.contains(word), "{word} at {limit}:\n{text}");
        }
        for figure in ["243.0 ±8.1", "1234 ±12", "550 ±30", "9.1 ±0.2"] {
            assert!(text.contains(figure), "{figure} at {limit}:\n{text}");
        }
        let longest_word = width("[requests/s]:");
        for line in text.lines() {
            let fits = width(line) <= usize::from(limit).max(longest_word);
            assert!(fits, "{limit}: {line}");
        }
    }
}

#[test]
fn a_narrow_terminal_wraps_text_between_words() {
    let text = comparison().render(plain(Some(56)));
    assert!(text.contains("the loop sleeps"), "{text}");
    assert!(!text.contains("the loop sleeps in every miss"), "{text}");
    assert!(text.contains("243.0 ±8.1   550 ±30  the"), "{text}");
}

#[test]
fn a_terminal_too_narrow_for_columns_gets_lists() {
    let text = comparison().render(plain(Some(30)));
    assert!(text.contains("\nserver: nb-b\n"), "{text}");
    assert!(text.contains("\np99 [ms]: 550 ±30\n"), "{text}");
    assert!(text.contains("\n\nserver: nb-laio\n"), "{text}");
}

#[test]
fn only_a_terminal_without_no_color_gets_bold_headers() {
    let no = OsStr::new("1");
    let empty = OsStr::new("");
    let bold = |terminal, no_color| Medium::choose(terminal, no_color).bold;
    assert!(bold(Some(Some(80)), None));
    assert!(bold(Some(None), Some(empty)));
    assert!(!bold(Some(Some(80)), Some(no)));
    assert!(!bold(None, None));
    assert_eq!(Medium::choose(None, None).width, None);
    assert_eq!(Medium::choose(Some(Some(80)), Some(no)).width, Some(80));
}

#[test]
fn a_terminal_of_no_columns_is_one_of_unknown_width() {
    assert_eq!(Medium::choose(Some(Some(0)), None).width, None);
    assert!(Medium::choose(Some(Some(0)), None).bold);
}

#[test]
fn bold_headers_change_nothing_but_escape_sequences() {
    for limit in [None, Some(60), Some(30)] {
        let bold = comparison().render(Medium {
            width: limit,
            bold: true,
        });
        let mut stripped = String::new();
        let mut rest = &bold[..];
        while let Some((before, after)) = rest.split_once('\x1b') {
            stripped += before;
            rest = after.split_once('m').unwrap().1;
        }
        stripped += rest;
        let trimmed = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect()
        };
        let expected = comparison().render(plain(limit));
        assert_eq!(trimmed(&stripped), trimmed(&expected), "{limit:?}");
        assert_eq!(bold.contains('\x1b'), limit != Some(30), "{limit:?}");
    }
}

#[test]
fn markdown_aligns_and_escapes() {
    let expected = "\
**Cold cache, 32 clients**

| server | throughput [requests/s] | p99 [ms] | remark |
| --- | ---: | ---: | --- |
| nb-b | 243.0 ±8.1 | 550 ±30 | the loop sleeps in every miss |
| nb-laio | 1234 ±12 | 9.1 ±0.2 | near the best \\| everywhere |

Intervals: 95 %.
";
    assert_eq!(comparison().to_markdown(), expected);
    let broken = Table::new(["a\nb"]).row(["c\\d"]).to_markdown();
    assert_eq!(broken, "| a<br>b |\n| --- |\n| c\\\\d |\n");
}

#[test]
fn a_table_without_rows_shows_its_headers() {
    let text = Table::new(["server", "p99 [ms]"]).render(plain(None));
    assert!(
        text.contains("server") && text.contains("p99 [ms]"),
        "{text}"
    );
}

#[test]
#[should_panic(expected = "a cell for each header")]
fn a_row_with_a_missing_cell_is_refused() {
    let _ = Table::new(["a", "b"]).row(["only one"]);
}
