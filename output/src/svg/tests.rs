use super::page::SAMPLE;
use super::*;
use roxmltree::{Document, Node};

fn estimate(value: f64, half_width: f64) -> Estimate {
    Estimate {
        value: Some(value),
        half_width: Some(half_width),
    }
}

fn quantity(title: &str, unit: Unit) -> Quantity {
    let title = title.into();
    Quantity { title, unit }
}

fn captions() -> Captions {
    Captions {
        title: "Throughput & memory <of> \"servers\"".into(),
        subtitles: vec!["32 clients, cold cache".into()],
        notes: vec!["Machine profile not validated: read the order of servers, not values.".into()],
    }
}

/// Lines over `xs`, spread over `across`.
fn lines(count: usize, xs: &[f64], across: Across) -> Lines {
    let series = |index: usize| LineSeries {
        name: format!("flash-nb-amped-{index}"),
        points: xs
            .iter()
            .map(|x| Point {
                x: *x,
                y: estimate(900.0 + 100.0 * index as f64, 40.0),
            })
            .collect(),
    };
    Lines {
        captions: captions(),
        x: across,
        y: quantity("throughput [requests/s]", Unit::None),
        series: (0..count).map(series).collect(),
    }
}

fn measured(scale: Scale) -> Across {
    let quantity = quantity("memory", Unit::Bytes);
    Across::Measured { quantity, scale }
}

fn named(count: usize) -> Across {
    Across::Named {
        title: "policy".into(),
        names: (0..count).map(|index| format!("policy {index}")).collect(),
    }
}

fn doubling(count: usize) -> Vec<f64> {
    (0..count).map(|index| libm::exp2(index as f64)).collect()
}

fn bars(series: usize, groups: usize) -> Bars {
    let values = |index: usize| (0..groups).map(move |at| estimate((index + at) as f64, 0.5));
    Bars {
        captions: captions(),
        x_title: "trace".into(),
        groups: (0..groups).map(|index| format!("trace {index}")).collect(),
        y: quantity("p99", Unit::Seconds),
        series: (0..series)
            .map(|index| BarSeries {
                name: format!("nb-laio-{index}"),
                values: values(index).collect(),
            })
            .collect(),
    }
}

fn distribution(curve: Curve, series: &[&[(f64, f64)]]) -> Distribution {
    Distribution {
        captions: captions(),
        x: quantity("response time", Unit::Seconds),
        of: "requests".into(),
        curve,
        series: series
            .iter()
            .enumerate()
            .map(|(index, points)| CurveSeries {
                name: format!("nb-laio-{index}"),
                points: points.to_vec(),
            })
            .collect(),
    }
}

/// A figure of every kind and of many sizes.
fn figures() -> Vec<String> {
    let mut figures = Vec::new();
    for (series, points) in [(1, 1), (1, 50), (3, 7), (7, 2), (12, 12), (12, 50)] {
        let names: Vec<f64> = (0..points).map(|index| index as f64).collect();
        let all = [
            lines(series, &doubling(points), measured(Scale::Log2)),
            lines(series, &doubling(points), measured(Scale::Log10)),
            lines(series, &doubling(points), measured(Scale::Linear)),
            lines(series, &names, named(points)),
        ];
        figures.extend(all.map(|figure| figure.render().unwrap()));
        figures.push(bars(series, points).render().unwrap());
    }
    let mut long = bars(2, 3);
    long.x_title = "a very long title ".repeat(12);
    long.y.title = long.x_title.clone();
    figures.push(long.render().unwrap());
    let steps: Vec<_> = (1..=3000)
        .map(|rank| (1e-4 * f64::from(rank), f64::from(rank) / 3000.0))
        .collect();
    for curve in [Curve::Cumulative, Curve::Complementary] {
        let figure = distribution(curve, &[&steps, &[(0.02, 1.0)]]);
        figures.push(figure.render().unwrap());
    }
    figures
}

/// Texts of a figure with their boxes (left, top, right, bottom), as wide as they may become.
fn boxes(document: &Document<'_>) -> Vec<(String, [f64; 4])> {
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .filter(|node| !node.has_attribute("transform"))
        .map(|node| (node.text().unwrap_or_default().to_owned(), text_box(node)))
        .collect()
}

fn text_box(node: Node<'_, '_>) -> [f64; 4] {
    let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
    let (mut x, mut y) = (number("x"), number("y"));
    for group in node
        .ancestors()
        .filter_map(|node| node.attribute("transform"))
    {
        let inner = group
            .strip_prefix("translate(")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        let (dx, dy) = inner.split_once(' ').unwrap();
        x += dx.parse::<f64>().unwrap();
        y += dy.parse::<f64>().unwrap();
    }
    let size = number("font-size");
    let width = text::width(node.text().unwrap_or_default(), size);
    let left = match node.attribute("text-anchor").unwrap() {
        "start" => x,
        "middle" => x - width / 2.0,
        _ => x - width,
    };
    [left, y - size * 0.75, left + width, y + size * 0.2]
}

#[test]
fn no_text_overlaps_another_or_leaves_the_page() {
    for figure in figures() {
        let document = Document::parse(&figure).unwrap();
        let page = document.root_element();
        let side = |name| page.attribute(name).unwrap().parse::<f64>().unwrap();
        let boxes = boxes(&document);
        assert!(boxes.len() > 5);
        for (index, (text, one)) in boxes.iter().enumerate() {
            let inside = one[0] >= 0.0 && one[1] >= 0.0;
            assert!(
                inside && one[2] <= side("width") && one[3] <= side("height"),
                "{text}"
            );
            for (other_text, other) in &boxes[..index] {
                let apart = one[0] >= other[2]
                    || other[0] >= one[2]
                    || one[1] >= other[3]
                    || other[1] >= one[3];
                assert!(apart, "{text}: {one:?}, {other_text}: {other:?}\n{figure}");
            }
        }
    }
}

#[test]
fn slanted_names_stay_a_line_apart() {
    let xs = [0.0, 49.0];
    for figure in [lines(1, &xs, named(50)).render(), bars(1, 50).render()] {
        let figure = figure.unwrap();
        let document = Document::parse(&figure).unwrap();
        let slanted = |node: &Node<'_, '_>| {
            let turn = node.attribute("transform");
            node.has_tag_name("text") && turn.is_some_and(|turn| turn.starts_with("rotate(-45 "))
        };
        let names = document.descendants().filter(slanted);
        let x = |node: Node<'_, '_>| node.attribute("x").unwrap().parse::<f64>().unwrap();
        let xs: Vec<f64> = names.map(x).collect();
        assert_eq!(xs.len(), 50);
        let sine = std::f64::consts::FRAC_1_SQRT_2;
        assert!(
            xs.windows(2)
                .all(|pair| (pair[1] - pair[0]) * sine > text::SMALL * 1.2)
        );
    }
}

#[test]
fn every_name_is_shown_and_escaped() {
    for figure in figures() {
        let document = Document::parse(&figure).unwrap();
        let all: Vec<_> = document
            .descendants()
            .filter_map(|node| node.text())
            .collect();
        let all = all.join("\n");
        for text in [
            "Throughput & memory <of> \"servers\"",
            "cold cache",
            "not validated",
        ] {
            assert!(all.contains(text), "{text} in {all}");
        }
    }
    let mut figure = lines(1, &[1.0], named(2));
    figure.series[0].name = "<a href='&'>\u{1}\n".into();
    let figure = figure.render().unwrap();
    let document = Document::parse(&figure).unwrap();
    let name = |node: Node<'_, '_>| node.text() == Some("<a href='&'>\u{fffd} ");
    assert!(document.descendants().any(name), "{figure}");
}

#[test]
fn named_points_lose_no_name() {
    for count in [2, 12, 50] {
        let figure = lines(2, &[0.0, 1.0], named(count)).render().unwrap();
        for index in 0..count {
            assert!(
                figure.contains(&format!(">policy {index}<")),
                "{index} of {count}"
            );
        }
    }
}

#[test]
fn the_same_figure_is_the_same_bytes() {
    assert_eq!(figures(), figures());
}

/// Ends of the straight pieces of the first path drawn in `colour` that has `pieces` of them.
fn pieces(figure: &str, colour: &str, pieces: usize) -> Vec<(f64, f64)> {
    let document = Document::parse(figure).unwrap();
    let paths = document
        .descendants()
        .filter(|node| node.has_tag_name("path"));
    let of_colour = paths.filter(|node| node.attribute("stroke") == Some(colour));
    let data = of_colour.filter_map(|node| node.attribute("d"));
    let points = data.map(|data| {
        let points = data.split(['M', 'L', ' ']).filter_map(|point| {
            let (x, y) = point.split_once(',')?;
            Some((x.parse().ok()?, y.parse().ok()?))
        });
        points.collect::<Vec<(f64, f64)>>()
    });
    points
        .into_iter()
        .find(|points| points.len() == pieces)
        .unwrap()
}

#[test]
fn values_and_intervals_stand_where_the_axes_say() {
    let mut figure = lines(1, &[64.0, 128.0, 512.0], measured(Scale::Log2));
    for (point, y) in figure.series[0].points.iter_mut().zip([0.0, 500.0, 1000.0]) {
        point.y = estimate(y, 0.0);
    }
    figure.series[0].points[1].y = estimate(500.0, 100.0);
    let figure = figure.render().unwrap();
    let line = pieces(&figure, style::colour(0), 3);
    let near = |a: f64, b: f64| (a - b).abs() < 0.05;
    // One doubling, then two.
    assert!(
        near(2.0 * (line[1].0 - line[0].0), line[2].0 - line[1].0),
        "{line:?}"
    );
    // Half of the axis from 0 to 1000, which is the area's whole height.
    assert!(near(line[0].1, 320.0) && near(line[1].1, 160.0) && near(line[2].1, 0.0));
    let bar = pieces(&figure, style::colour(0), 6);
    assert!(near(bar[0].1, 192.0) && near(bar[1].1, 128.0), "{bar:?}");
    assert!(bar[..2].iter().all(|(x, _)| near(*x, line[1].0)), "{bar:?}");
}

#[test]
fn an_interval_that_leaves_the_area_is_cut_without_a_cap() {
    let mut figure = lines(1, &[64.0], measured(Scale::Log2));
    figure.series[0].points[0].y = estimate(100.0, 300.0);
    let bar = pieces(&figure.render().unwrap(), style::colour(0), 4);
    assert_eq!((bar[0].1, bar[1].1), (320.0, 0.0));
    assert_eq!((bar[2].1, bar[3].1), (0.0, 0.0));
}

#[test]
fn what_has_no_value_breaks_the_line_and_is_counted() {
    for (value, x) in [
        (f64::NAN, 4.0),
        (f64::INFINITY, 4.0),
        (1.0, 0.0),
        (1.0, f64::NAN),
    ] {
        let mut figure = lines(1, &[1.0, 2.0, 4.0, 8.0, 16.0], measured(Scale::Log2));
        figure.series[0].points[2].y = estimate(value, 1.0);
        figure.series[0].points[2].x = x;
        let figure = figure.render().unwrap();
        assert!(
            figure.contains("Not drawn: 1 point without a value"),
            "{figure}"
        );
        assert!(
            !figure.contains("NaN") && !figure.contains("inf"),
            "{figure}"
        );
        // Two runs of two points instead of one of five.
        let dashed = figure.matches("stroke-dasharray").count();
        assert_eq!(dashed, 2 + 1, "{figure}");
    }
    let mut figure = bars(2, 2);
    figure.series[1].values[0].value = None;
    figure.series[0].values[0].half_width = Some(f64::NAN);
    let figure = figure.render().unwrap();
    assert!(
        figure.contains("Not drawn: 1 bar without a value"),
        "{figure}"
    );
    assert!(figure.contains(">-</text>"), "{figure}");
}

#[test]
fn a_figure_of_nothing_is_an_error_in_words() {
    let title = captions().title;
    let empty = PlotError::Empty { title };
    let scale = || measured(Scale::Log10);
    assert_eq!(lines(0, &[], scale()).render(), Err(empty.clone()));
    assert_eq!(lines(3, &[], scale()).render(), Err(empty.clone()));
    assert_eq!(lines(3, &[-1.0, 0.0], scale()).render(), Err(empty.clone()));
    assert_eq!(bars(0, 3).render(), Err(empty.clone()));
    assert_eq!(bars(3, 0).render(), Err(empty.clone()));
    let zeros = distribution(Curve::Cumulative, &[&[(0.0, 1.0)], &[]]);
    assert_eq!(zeros.render(), Err(empty.clone()));
    let words =
        "nothing to draw in \"Throughput & memory <of> \"servers\"\": no series has a value";
    assert_eq!(empty.to_string(), words);
}

#[test]
fn what_does_not_fit_its_axis_is_an_error() {
    for x in [2.0, -1.0, 0.5, f64::NAN] {
        let error = lines(1, &[0.0, x], named(2)).render();
        assert!(
            matches!(error, Err(PlotError::Name { names: 2, .. })),
            "{x}: {error:?}"
        );
    }
    let mut figure = bars(2, 3);
    figure.series[1].values.pop();
    let expected = "\"nb-laio-1\" has 2 values for 3 groups of bars";
    assert_eq!(figure.render().unwrap_err().to_string(), expected);
    let unordered: [&[(f64, f64)]; 4] = [
        &[(1.0, 0.5), (0.9, 1.0)],
        &[(1.0, 0.5), (2.0, 0.4)],
        &[(1.0, 0.5), (2.0, 1.1)],
        &[(1.0, 0.5), (f64::NAN, 1.0)],
    ];
    for points in unordered {
        let error = distribution(Curve::Cumulative, &[points])
            .render()
            .unwrap_err();
        let series = "nb-laio-0".into();
        assert_eq!(
            error,
            PlotError::Unordered { series, index: 1 },
            "{points:?}"
        );
    }
}

#[test]
fn a_complementary_distribution_steps_down_to_its_largest_value() {
    // 90 % at 1 ms, 9 % at 10 ms, 1 % at 100 ms: the y axis has two powers of ten.
    let points: &[(f64, f64)] = &[(1e-3, 0.9), (1e-2, 0.99), (0.1, 1.0)];
    let figure = distribution(Curve::Complementary, &[points])
        .render()
        .unwrap();
    let curve = pieces(&figure, style::colour(0), 7);
    let tops: Vec<f64> = curve.iter().map(|(_, top)| *top).collect();
    assert_eq!(tops, [0.0, 0.0, 170.0, 170.0, 340.0, 340.0, 340.0]);
    assert_eq!(curve[1].0, curve[2].0);
    let (first, second) = (curve[3].0 - curve[2].0, curve[5].0 - curve[4].0);
    assert!((first - second).abs() < 0.05, "{curve:?}");
}

#[test]
fn values_at_zero_are_off_a_logarithmic_axis_and_still_counted() {
    let points: &[(f64, f64)] = &[(0.0, 0.25), (1e-3, 1.0)];
    let figure = distribution(Curve::Cumulative, &[points]).render().unwrap();
    assert!(
        figure.contains("Not drawn: 1 value not above zero"),
        "{figure}"
    );
    let curve = pieces(&figure, style::colour(0), 3);
    assert_eq!(
        (curve[0], curve[1].1, curve[2].1),
        ((0.0, 255.0), 255.0, 0.0)
    );
}

#[test]
fn each_series_of_twelve_has_its_own_sample_in_the_legend() {
    let figure = lines(12, &doubling(4), measured(Scale::Log2))
        .render()
        .unwrap();
    let document = Document::parse(&figure).unwrap();
    let end = format!("M{},0", -SAMPLE / 2.0);
    let is_sample = |node: &Node<'_, '_>| node.attribute("d").is_some_and(|d| d.starts_with(&end));
    let samples = document.descendants().filter(is_sample).map(|line| {
        let marker = line
            .next_siblings()
            .filter(Node::is_element)
            .nth(1)
            .unwrap();
        let line = (line.attribute("stroke"), line.attribute("stroke-dasharray"));
        (line, marker.attribute("d"), marker.attribute("fill"))
    });
    let distinct: std::collections::BTreeSet<_> = samples.collect();
    assert_eq!(distinct.len(), 12);
}

#[test]
fn figures_have_a_white_ground_and_need_nothing_from_outside() {
    for figure in figures() {
        let document = Document::parse(&figure).unwrap();
        let mut elements = document.root_element().children();
        let ground = elements.find(|node| node.has_tag_name("rect")).unwrap();
        for side in ["width", "height"] {
            assert_eq!(
                ground.attribute(side),
                document.root_element().attribute(side)
            );
        }
        assert_eq!(ground.attribute("fill"), Some("white"));
        assert_eq!(figure.matches("http").count(), 1, "the name space alone");
    }
}
