use super::*;

fn change(option: &str, key: &'static str, value: Given) -> StyleChange {
    StyleChange { option: option.to_string(), key, value }
}

#[test]
fn options_change_what_a_scenario_says_and_no_more() {
    let style = Style { title: false, font: Family::Serif, ..Style::default() };
    let changes = [
        change("--width 5.5in", "width", Given::Word("5.5in".into())),
        change("--title", "title", Given::Flag(true)),
        change("--format pdf", "format", Given::Words(vec!["pdf".into()])),
        change("--color gd=#000000", "colors", Given::Color("gd".into(), "#000000".into())),
        change("--axis", "axes", Given::Item("{picture: loss, y: {limits: [1.0e-6, 1]}}".into())),
        change("--axis", "axes", Given::Item("{x: {scale: linear}}".into())),
    ];
    let changed = style.changed(&changes, &PICTURES).unwrap();
    assert!(changed.title && changed.font == Family::Serif && changed.format.0 == [Format::Pdf]);
    assert_eq!(changed.letters(), Some(FONT_SIZE));
    assert_eq!((changed.axes.len(), changed.axes[0].y.limits), (2, Some([1e-6, 1.0])));
    assert_eq!(style.changed(&[], &PICTURES).unwrap(), style);
    // Of formats that leave PNGs out, the earlier resolution of these says nothing.
    let fine = Style { dpi: Some(400.0), ..Style::default() };
    let formats = |names: &[&str]| Given::Words(names.iter().map(ToString::to_string).collect());
    let of = |changes: &[StyleChange]| fine.changed(changes, &PICTURES).unwrap().dpi;
    assert_eq!(of(&[change("--format", "format", formats(&["svg", "png"]))]), Some(400.0));
    assert_eq!(of(&[change("--format", "format", formats(&["pdf"]))]), None);
    let both = [change("--format", "format", formats(&["pdf"])), change("--dpi", "dpi", Given::Number(300.0))];
    assert_eq!(of(&both), Some(300.0));
}

#[test]
fn a_bad_option_is_refused_by_its_name_with_what_would_be_right() {
    let word = |word: &str| Given::Word(word.into());
    for (option, key, value, says) in [
        ("--width 5,5in", "width", word("5,5in"), "--width 5,5in: style.width: must be a length with its unit, such as 5.5in"),
        ("--width 1in", "width", word("1in"), "--width 1in: style.width: must be between 204pt and 2880pt"),
        ("--font-size 2pt", "font_size", word("2pt"), "style.font_size: must be between 4pt and 36pt, got 2pt"),
        ("--font comic", "font", word("comic"), "--font comic: style.font: unknown word `comic` (words here: sans, serif)"),
        (
            "--format svgg",
            "format",
            Given::Words(vec!["svgg".into()]),
            "style.format[0]: unknown word `svgg`, did you mean `svg`?",
        ),
        ("--format svg,svg", "format", Given::Words(vec!["svg".into(); 2]), "style.format[1]: must be named once"),
        ("--dpi 5000", "dpi", Given::Number(5000.0), "--dpi 5000: style.dpi: must be between 30 and 600, got 5000"),
        ("--color gd=red", "colors", Given::Color("gd".into(), "red".into()), "style.colors[0].color: must be a colour"),
        ("--axis [", "axes", Given::Item("[".into()), "--axis [: style.axes: "),
        ("--axis {z: 1}", "axes", Given::Item("{z: 1}".into()), "style.axes[0].z: unknown key"),
        (
            "--axis",
            "axes",
            Given::Item("{y: {limits: [1, 0]}}".into()),
            "style.axes[0].y.limits: must be two different numbers",
        ),
        ("--axis", "axes", Given::Item("{y: {scale: log, limits: [0, 1]}}".into()), "must be greater than 0 on a log scale"),
        ("--axis", "axes", Given::Item("{panel: ab}".into()), "style.axes[0].panel: must be the letter of a panel"),
    ] {
        let message = Style::default().changed(&[change(option, key, value)], &PICTURES).unwrap_err().to_string();
        assert!(message.contains(says), "{message}\n{says}");
    }
}

#[test]
fn a_style_is_written_as_what_it_says_and_read_back() {
    assert_eq!(serde_json::to_string(&Style::default()).unwrap(), "{}");
    let text = r##"{"width":"5.5in","font":"serif","format":["svg","pdf"],"title":false,"colors":[{"curve":"gd","color":"#d55e00"}]}"##;
    let style: Style = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&style).unwrap(), text);
}

#[test]
fn a_name_of_no_picture_is_refused() {
    let style: Style = serde_json::from_str(r#"{"axes":[{"picture":"los"}]}"#).unwrap();
    let mut found = Findings::default();
    style.validate_names("style", &["loss", "nfa"], &mut found);
    assert_eq!(found.0[0].path, "style.axes[0].picture");
    assert!(found.0[0].message.contains("no picture is called `los`, did you mean `loss`?"));
}
