//! What a style changes of a picture, in every format.

use super::*;
use crate::scenario::style::{Color, CurveColor, Formats, PICTURES as NAMES};

fn style(text: &str) -> Style {
    serde_json::from_str(text).unwrap()
}

fn attribute(svg: &str, key: &str) -> f64 {
    let header = svg.lines().next().unwrap();
    header.split(&format!("{key}=\"")).nth(1).unwrap().split(['"', 'p']).next().unwrap().parse().unwrap()
}

/// All font sizes of an SVG, in points.
fn letters(svg: &str) -> Vec<f64> {
    let view: f64 = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let scale = attribute(svg, "width") / view;
    let sizes = svg.split("font-size=\"").skip(1);
    sizes.map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap() * scale).collect()
}

#[test]
fn every_picture_of_a_run_has_a_known_name() {
    let run = sample::decaying(20, &[("gd", 0.1)]);
    for name in drawn(&run).keys() {
        assert!(NAMES.contains(&name.split('.').next().unwrap()), "{name}");
    }
}

#[test]
fn at_the_width_of_a_page_no_letter_is_below_seven_points() {
    let run = sample::decaying(20, &[("gd", 0.1), ("gd_small", 0.05)]);
    for text in [
        r#"{"width":"5.5in","format":"svg"}"#,
        r#"{"width":"3.25in","font":"serif","legend":"right","format":"svg"}"#,
        r#"{"width":"17cm","legend":"bottom","format":"svg"}"#,
    ] {
        let style = style(text);
        for (name, bytes) in drawn_as(&run, &style) {
            let svg = String::from_utf8(bytes).unwrap();
            let width = style.width.unwrap().points();
            assert!((attribute(&svg, "width") - width).abs() < 0.01, "{name}");
            let sizes = letters(&svg);
            assert!(sizes.len() > 10 && sizes.iter().all(|size| *size >= 7.0), "{name}, {text}: {sizes:?}");
        }
    }
}

#[test]
fn a_pdf_has_the_size_that_was_asked_for_and_its_fonts() {
    let run = sample::decaying(20, &[("gd", 0.1)]);
    let files = drawn_as(&run, &style(r#"{"width":"5.5in","font":"serif","format":"pdf"}"#));
    assert_eq!(files.len(), 8);
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        assert!(name.ends_with(".pdf") && text.starts_with("%PDF-") && text.trim_end().ends_with("%%EOF"), "{name}");
        assert!(text.contains("/MediaBox [0 0 396 "), "{name}");
        assert!(text.contains("/FontFile2") && text.contains("+DejaVuSerif") && text.contains("/ToUnicode"), "{name}");
    }
}

#[test]
fn a_png_says_how_large_it_is() {
    let run = sample::decaying(20, &[]);
    let png = &drawn_as(&run, &style(r#"{"width":"5.5in","format":["png"],"dpi":200}"#))["loss.png"];
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(number(16), 1100);
    let at = png.windows(4).position(|window| window == b"pHYs").unwrap();
    assert_eq!((number(at + 4), png[at + 12]), (7874, 1));
}

#[test]
fn titles_and_small_print_can_be_left_out() {
    let run = with_column(sample::decaying(20, &[]), "nfa_cosine", f64::NAN);
    let svg = |text: &str| String::from_utf8(drawn_as(&run, &style(text))["nfa.svg"].clone()).unwrap();
    let (plain, bare) = (svg("{}"), svg(r#"{"title":false,"notes":false}"#));
    assert!(plain.contains("depth3-decay") && plain.contains("not defined"));
    assert!(!bare.contains("depth3-decay") && !bare.contains("not defined") && bare.contains("(a)"));
    assert!(attribute(&bare, "height") < attribute(&plain, "height"));
}

#[test]
fn an_svg_has_a_page_light_or_dark() {
    let run = sample::single_record();
    let page = |text: &str| {
        let svg = String::from_utf8(drawn_as(&run, &style(text))["loss.svg"].clone()).unwrap();
        svg.split("<rect").nth(1).unwrap().split("/>").next().unwrap().to_string()
    };
    assert!(page("{}").contains("#FFFFFF"), "{}", page("{}"));
    assert!(!page(r#"{"theme":"dark"}"#).contains("#FFFFFF"));
}

#[test]
fn curves_take_the_colours_of_their_names() {
    let run = sample::decaying(20, &[("gd", 0.1)]);
    let colors = [("gd", Color(1, 2, 3)), ("nobody", Color(4, 5, 6))];
    let colors = colors.map(|(curve, color)| CurveColor { curve: curve.to_string(), color }).to_vec();
    let drawn = drawn_as(&run, &Style { colors, ..Style::default() });
    let svg = |name: &str| String::from_utf8(drawn[name].clone()).unwrap();
    assert!(
        svg("loss.svg").contains("#010203") && !svg("loss.svg").contains("#D55E00") && !svg("loss.svg").contains("#040506")
    );
    // In `balance` the flow and gd are both grey, and colours distinguish layers.
    assert_eq!(drawn["balance.svg"], drawn_as(&run, &Style::default())["balance.svg"]);
}

/// The warnings about what a style asks for in vain.
fn ignored(run: &Run, text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let style = Style { format: Formats(vec![Format::Svg]), ..style(text) };
    draw_all(run, &style, dir.path()).unwrap().warnings
}

#[test]
fn what_no_picture_has_is_told_with_what_there_is() {
    let run = sample::decaying(20, &[("gd", 0.1), ("gd_small", 0.05)]);
    let granted = [
        "{}",
        r##"{"colors":[{"curve":"gd","color":"#010203"},{"curve":"gd_small","color":"#040506"}]}"##,
        r#"{"axes":[{"picture":"loss","panel":"a","x":{"limits":[1,2],"scale":"linear"}},{"x":{"label":"time"}}]}"#,
        // Of pictures that other commands draw.
        r#"{"axes":[{"picture":"work_precision","panel":"z","x":{"label":"cost"}}]}"#,
    ];
    for text in granted {
        assert_eq!(ignored(&run, text), [""; 0], "{text}");
    }
    let color = ignored(&run, r##"{"colors":[{"curve":"gd_smal","color":"#010203"},{"curve":"gd","color":"#010203"}]}"##);
    assert_eq!(color.len(), 1);
    assert!(color[0].starts_with(
        "style.colors: no curve is called `gd_smal`, did you mean `gd_small`? (curves in the legends: `flow`, `gd`, `gd_small`"
    ));
    let panel = ignored(&run, r#"{"axes":[{"picture":"loss","panel":"f","x":{"label":"time"}}]}"#);
    assert_eq!(panel.len(), 1);
    assert!(panel[0].starts_with("style.axes: `loss` has no panel f: it has a"), "{panel:?}");
    let nowhere = ignored(&run, r#"{"axes":[{"panel":"z","x":{"label":"time"}}]}"#);
    assert!(
        nowhere.len() == 1 && nowhere[0].starts_with("style.axes: no picture has a panel z: the pictures are loss, "),
        "{nowhere:?}"
    );
    let absent = ignored(&sample::single_record(), r#"{"axes":[{"picture":"ledger","x":{"label":"time"}}]}"#);
    assert!(absent.len() == 1 && absent[0].starts_with("style.axes: `ledger` is not drawn: the pictures are "), "{absent:?}");
}

/// Every picture that can be drawn may be named in a style, and no other.
#[test]
fn the_names_of_pictures_are_those_of_what_draws_them() {
    let drawn: std::collections::BTreeSet<&str> = [&OF_RUNS[..], &OF_STUDIES, &OF_RATE_STUDIES].concat().into_iter().collect();
    assert_eq!(drawn, NAMES.into_iter().collect());
}

#[test]
fn axes_take_limits_scales_and_labels() {
    let run = sample::decaying(20, &[]);
    let loss =
        |text: &str| drawn_as(&run, &style(text)).remove("loss.svg").map(|bytes| String::from_utf8(bytes).unwrap()).unwrap();
    let changed = loss(r#"{"axes":[{"picture":"loss","y":{"limits":[1e-9,1e-7],"label":"excess J_2"}}]}"#);
    assert!(changed.contains("excess J") && changed.contains("10⁻⁸") && changed.contains("10⁻⁹"));
    // Every corner of a line lies on the sheet.
    let view: Vec<f64> = {
        let view = changed.split("viewBox=\"0 0 ").nth(1).unwrap().split('"').next().unwrap();
        view.split(' ').map(|n| n.parse().unwrap()).collect()
    };
    for pair in changed.split("points=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split_whitespace()) {
        let (x, y) = pair.split_once(',').unwrap();
        let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
        assert!((0.0..=view[0]).contains(&x) && (0.0..=view[1]).contains(&y));
    }
    assert!(loss(r#"{"axes":[{"x":{"scale":"linear"}}]}"#) != loss("{}"));
    assert_eq!(loss(r#"{"axes":[{"picture":"nfa","x":{"scale":"linear"}}]}"#), loss("{}"));
}

#[test]
fn limits_without_a_place_are_refused_with_a_remedy() {
    let run = sample::decaying(20, &[]);
    let style = style(r#"{"axes":[{"picture":"loss","y":{"limits":[0,1]}}]}"#);
    let dir = tempfile::tempdir().unwrap();
    let message = draw_all(&run, &style, dir.path()).unwrap_err().to_string();
    assert!(message.contains("panel a of `loss`: begin above 0, or set `scale: linear`"), "{message}");
}

/// Writes pictures to look at: `GRAMFLOW_STYLED=DIR cargo test --lib -- styled_pictures --ignored`.
#[test]
#[ignore = "writes pictures to look at"]
fn styled_pictures_to_look_at() {
    let Some(dir) = std::env::var_os("GRAMFLOW_STYLED").map(PathBuf::from) else { return };
    let run = sample::decaying(60, &[("gd", 0.1), ("gd_small", 0.05)]);
    for (name, text) in [
        ("plain", "{}"),
        ("page", r#"{"width":"5.5in","title":false,"format":["svg","png","pdf"]}"#),
        ("serif", r#"{"width":"5.5in","font":"serif","legend":"bottom","notes":false,"format":["png","pdf"]}"#),
        ("column", r#"{"width":"3.25in","title":false,"format":["png"],"legend":"bottom"}"#),
        ("dark", r#"{"theme":"dark","legend":"right"}"#),
        ("limits", r#"{"axes":[{"picture":"loss","panel":"a","y":{"limits":[0.1,10]},"x":{"limits":[0.1,100]}}]}"#),
    ] {
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        draw_all(&run, &style(text), &dir).unwrap();
    }
}
