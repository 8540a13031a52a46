//! What every picture obeys, whatever the records.

pub(super) mod sample;
mod styled;

use std::collections::BTreeMap;

use super::*;
use crate::npz::Array;
use crate::record::{Table, TableColumn, Texts, Values};
use crate::scenario::style::Formats;

/// The files of `run` by name.
fn drawn(run: &Run) -> BTreeMap<String, Vec<u8>> {
    drawn_as(run, &Style::default())
}

fn drawn_as(run: &Run, style: &Style) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let files = draw_all(run, style, dir.path()).unwrap().files;
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

fn svgs(run: &Run) -> BTreeMap<String, String> {
    let style = Style { format: Formats(vec![Format::Svg]), ..Style::default() };
    drawn_as(run, &style).into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
}

/// `run` with every number of a column replaced.
fn with_column(mut run: Run, name: &str, value: f64) -> Run {
    for column in &mut run.table.columns {
        if let (true, Values::Float(values)) = (column.name == name, &mut column.values) {
            values.fill(value);
        }
    }
    run
}

#[test]
fn every_picture_is_an_svg_with_a_view_box_and_a_png_twice_its_size() {
    let files = drawn(&sample::decaying(20, &[("gd", 0.1)]));
    let names = ["alignment", "balance", "ledger", "loss", "nfa", "sharpness", "spectra", "spectra-by-index"];
    assert_eq!(files.len(), 2 * names.len());
    for name in names {
        let svg = String::from_utf8(files[&format!("{name}.svg")].clone()).unwrap();
        let header = svg.lines().next().unwrap();
        let attribute = |key: &str| -> u32 {
            header.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let (width, height) = (attribute("width"), attribute("height"));
        assert!(header.contains(&format!("viewBox=\"0 0 {} {}\"", 8 * width, 8 * height)), "{header}");
        assert!(svg.contains("depth3-decay") && svg.contains("DejaVu Sans, Verdana"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());

        let png = &files[&format!("{name}.png")];
        let dimension = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!((&png[1..4], dimension(16), dimension(20)), (&b"PNG"[..], 2 * width, 2 * height));
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let run = sample::decaying(20, &[("gd", 0.1), ("gd_small", 0.05)]);
    assert!(drawn(&run) == drawn(&run));
}

#[test]
fn points_left_out_are_counted_in_the_picture() {
    let run = sample::decaying(20, &[]);
    let loss = &svgs(&with_column(run.clone(), "loss", 0.0))["loss.svg"];
    assert!(loss.contains("20 of 42 points not positive"), "the start is left out for its time");
    assert!(!loss.contains("at t = 0"), "that a log axis has no 0 needs no words");
    assert!(svgs(&with_column(run, "nfa_cosine", f64::NAN))["nfa.svg"].contains("20 of 42 points not defined"));
}

/// One more curve for each process, and one more line in the legend.
#[test]
fn the_test_loss_is_drawn_where_there_is_one() {
    let run = sample::decaying(20, &[]);
    let mut tested = run.clone();
    let loss = run.table.columns.iter().find(|column| column.name == "loss").unwrap();
    tested.table.columns.push(TableColumn { name: "test_loss".to_string(), ..loss.clone() });
    let (with, without) = (&svgs(&tested)["loss.svg"], &svgs(&run)["loss.svg"]);
    assert!(with.contains("on test samples") && !without.contains("on test samples"));
}

#[test]
fn one_layer_has_no_balance() {
    let names: Vec<String> = svgs(&sample::depth(1)).into_keys().collect();
    assert!(!names.contains(&"balance.svg".to_string()) && names.contains(&"loss.svg".to_string()), "{names:?}");
    assert!(svgs(&sample::depth(9)).contains_key("balance.svg"));
}

#[test]
fn degenerate_records_are_drawn() {
    let single = sample::single_record();
    assert_eq!(svgs(&single).len(), 6);
    for value in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-300, 5e-324, 1e300, f64::MAX, 1.0] {
        let mut run = sample::decaying(5, &[("gd", 0.1)]);
        for column in &mut run.table.columns {
            if let Values::Float(values) = &mut column.values {
                values.fill(value);
            }
        }
        for array in run.arrays.values_mut() {
            array.data.fill(value);
        }
        // Where nothing has a place there is no picture.
        assert!(svgs(&run).len() >= if value.is_finite() && value > 0.0 { 5 } else { 0 }, "{value}");
    }
}

#[test]
fn a_process_that_ended_early_is_drawn_as_far_as_it_came() {
    let mut run = sample::decaying(20, &[("gd", 0.1)]);
    for column in &mut run.table.columns {
        match &mut column.values {
            Values::Text(values) => values.truncate(30),
            Values::Float(values) => values.to_mut().truncate(30),
            Values::Integer(_) | Values::Flag(_) => {}
        }
    }
    for (_, array) in run.arrays.iter_mut().filter(|(name, _)| name.starts_with("gd/") && !name.ends_with("alpha_tilde")) {
        let nine = array.data.len() / array.shape[0] * 9;
        array.data.to_mut().truncate(nine);
        array.shape[0] = 9;
    }
    let files = svgs(&run);
    assert_eq!(files.len(), 8);
}

#[test]
fn records_without_anything_give_no_picture() {
    let mut run = sample::single_record();
    run.arrays.clear();
    assert!(!svgs(&run).contains_key("spectra.svg"));
    run.table = Table::default();
    assert!(drawn(&run).is_empty());
    run.arrays.insert("flow/sv_W1".into(), Array::new(&[0, 4], []));
    assert!(drawn(&run).is_empty());
}

#[test]
fn names_and_captions_cannot_break_the_svg() {
    let mut run = sample::single_record();
    run.name = "a<b & \"c\"\u{1b}".into();
    let svg = &svgs(&run)["loss.svg"];
    assert!(svg.contains("a&lt;b &amp; &quot;c&quot;") && !svg.contains('\u{1b}'));
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let error =
        draw_all(&sample::single_record(), &Style::default(), Path::new("/nonexistent/folder")).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/folder/loss.svg"), "{error}");
}

/// A study of every method: some points limited by the reference, some that did not reach T, one that is the reference.
fn every_method() -> Study {
    let methods = ["auto", "dopri5", "tsit5", "dop853", "rkc", "rock4", "gauss1", "gauss2", "gauss3", "rk4", "dp8", "rk6"];
    let rows: Vec<(usize, i32)> = (0..methods.len()).flat_map(|m| (3..11).map(move |k| (m, k))).collect();
    let error = |&(m, k): &(usize, i32)| match (m, k) {
        (4, 9..) => f64::NAN,
        (3, 10) => 0.0,
        _ => 0.5 * 10f64.powf(-f64::from(k) * (1.0 + 0.05 * m as f64)),
    };
    let float = |of: &dyn Fn(&(usize, i32)) -> f64| Values::Float(rows.iter().map(of).collect());
    let columns = [
        ("method", Values::Text(rows.iter().map(|row| methods[row.0].to_string()).collect())),
        ("rtol", float(&|&(m, k)| if m == 9 { f64::NAN } else { 10f64.powi(-k) })),
        ("step", float(&|&(m, k)| if m == 9 { f64::from(10 - k) / 100.0 } else { f64::NAN })),
        ("gradients", Values::Integer(rows.iter().map(|&(m, k)| 1000 * (m as i64 + 1) * i64::from(k * k)).collect())),
        ("wall_seconds", float(&|&(m, k)| 1e-3 * (m as f64 + 1.0) * f64::from(k))),
        ("error", float(&error)),
        ("termination", Values::Text(rows.iter().map(|r| if error(r).is_nan() { "max_steps" } else { "t_end" }).collect())),
        ("reference_limited", Values::Flag(rows.iter().map(|row| error(row) < 1e-11).collect())),
        ("reference_floor", float(&|_| 1e-12)),
    ];
    let columns = columns.into_iter().map(|(name, values)| TableColumn { name: name.into(), values }).collect();
    Study { name: "every-method".into(), caption: "of no scenario".into(), table: Table { columns } }
}

fn study_svgs(study: &Study) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let files = draw_study(study, &Style::default(), dir.path()).unwrap().files;
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    files
        .iter()
        .filter(|path| path.extension().unwrap() == "svg")
        .map(|p| (name(p), std::fs::read_to_string(p).unwrap()))
        .collect()
}

#[test]
fn a_study_names_what_it_cannot_draw() {
    let pictures = study_svgs(&every_method());
    assert_eq!(pictures.keys().collect::<Vec<_>>(), ["tolerance.svg", "work_precision.svg"]);
    for svg in pictures.values() {
        assert!(
            svg.contains("Not at T: rkc at rtol 10⁻⁹, 10⁻¹⁰ (max_steps).") && svg.contains("dop853: 1 equal to the reference")
        );
        assert!(svg.contains("gauss3") && svg.contains("own error") && svg.contains("hollow"));
    }
    // auto gets to 5·10⁻¹¹ in 10² thousand gradients; every other method takes more to the same power of ten.
    let title = "every-method: auto needs the fewest gradients for errors of ";
    let found = study::work_precision(&every_method()).unwrap().title;
    assert!(found.starts_with(title) && found.ends_with("10⁻¹⁰"), "{found}");
    let title = study::tolerance(&every_method()).unwrap().title;
    assert!(title.starts_with("every-method: achieved errors are ") && title.ends_with(" to 0.5 times rtol"), "{title}");
    // A fixed step is no tolerance.
    assert!(pictures["work_precision.svg"].contains("rk4") && !pictures["tolerance.svg"].contains("rk4"));
}

#[test]
fn a_study_without_points_or_columns_is_no_crash() {
    let mut study = every_method();
    for column in &mut study.table.columns {
        if let ("error", Values::Float(values)) = (column.name.as_str(), &mut column.values) {
            values.fill(f64::NAN);
        }
    }
    study_svgs(&study);
    study.table = Table::default();
    assert!(study_svgs(&study).is_empty());
}

/// Optimizer, batch, rate and seed.
type Ran = (&'static str, i64, f64, i64);

/// A study of learning rates with an optimizer that diverges from some rate on, one with seeds, and one that always diverges.
fn learning_rates() -> RateStudy {
    let column = |name: &str, values| TableColumn { name: name.to_string(), values };
    let rows: Vec<Ran> = [("gd", 60, 1), ("sgd", 8, 3), ("adam", 60, 1)]
        .into_iter()
        .flat_map(|(name, batch, seeds)| {
            (0..5).flat_map(move |k| (0..seeds).map(move |s| (name, batch, 0.001 * 4f64.powi(k), s)))
        })
        .collect();
    let diverges = |(name, _, lr, _): &Ran| *name == "adam" || (*name == "gd" && *lr > 0.1);
    let float = |of: &dyn Fn(&Ran) -> f64| Values::Float(rows.iter().map(of).collect());
    let defined = |of: fn(f64) -> f64| move |row: &Ran| if diverges(row) { f64::NAN } else { of(row.2) };
    let contender = || {
        vec![
            column("optimizer", Values::Text(rows.iter().map(|row| row.0.to_string()).collect())),
            column("batch", Values::Integer(rows.iter().map(|row| row.1).collect())),
            column("lr", float(&|row| row.2)),
            column("diverged_at", float(&|row| if diverges(row) { 4.0 } else { f64::NAN })),
        ]
    };
    let text = |of: &dyn Fn(&Ran) -> &'static str| Values::Text(rows.iter().map(of).collect());
    let mut runs = contender();
    runs.push(column("seed", Values::Integer(rows.iter().map(|row| row.3).collect())));
    for name in ["nfa_cosine", "nfa_alignment_residual", "gradients_to_loss", "wall_seconds_to_loss"] {
        runs.push(column(name, float(&defined(|lr| 1.0 / lr))));
    }
    let mut curves = contender();
    curves.push(column("compared_with", text(&|_| "flow")));
    curves.push(column("at", text(&|_| "end")));
    curves.push(column("distance", float(&defined(|lr| 3.0 * lr))));
    curves.push(column("floor", float(&|_| 1e-3)));
    curves.push(column("state", text(&|row| if diverges(row) { "diverged" } else { "fitted" })));
    let one = |values: f64| Values::Float([values].into());
    let fits = vec![
        column("optimizer", Values::Text(Texts::repeated("gd", 1))),
        column("batch", Values::Integer([60].into())),
        column("compared_with", Values::Text(Texts::repeated("flow", 1))),
        column("at", Values::Text(Texts::repeated("end", 1))),
        column("order", one(1.0)),
        column("lr_from", one(0.001)),
        column("expected", one(1.0)),
    ];
    let flow = vec![column("process", Values::Text(Texts::repeated("flow", 1))), column("nfa_cosine", one(300.0))];
    RateStudy {
        name: "rates".into(),
        caption: "of no scenario".into(),
        runs: Table { columns: runs },
        curves: Table { columns: curves },
        fits: Table { columns: fits },
        flow: Table { columns: flow },
        loss: 0.1,
        sharpness: 20.0,
        flow_to_loss: [40.0, 0.1],
    }
}

fn rate_svgs(study: &RateStudy) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let files = draw_rate_study(study, &Style::default(), dir.path()).unwrap().files;
    let svgs = files.iter().filter(|path| path.extension().unwrap() == "svg");
    svgs.map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap())).collect()
}

#[test]
fn a_study_of_learning_rates_shows_what_diverges_and_where_theory_ends() {
    let pictures = rate_svgs(&learning_rates());
    assert_eq!(pictures.keys().collect::<Vec<_>>(), ["alignment.svg", "cost.svg", "distance.svg"]);
    for svg in pictures.values() {
        assert!(svg.contains("gd on batches of 60 diverges at η = 0.256 (step 4)."), "{svg}");
        assert!(svg.contains("adam on batches of 60 diverges at η = 0.001 (step 4) to 0.256 (step 4)."), "{svg}");
        assert!(svg.contains("at the upper edge: diverged") && svg.contains("adam, batches of 60"));
        assert!(!svg.contains("noisy"), "seconds per gradient are the same in all runs");
    }
    let study = learning_rates();
    for (picture, title) in [
        (rate_study::distance(&study), "rates: in η, the distance to the flow is of order 1.00 for gd on batches of 60"),
        (
            rate_study::cost(&study),
            "rates: sgd on batches of 8 reaches the loss 0.1 with the fewest gradients of a sample, 31 at η = 0.256",
        ),
        (
            rate_study::alignment(&study),
            "rates: at the end the cosine between W₁ᵀW₁ and the power 1/L of the AGOP is 300 for the flow and from",
        ),
    ] {
        let drawn = picture.unwrap().title;
        assert!(drawn.starts_with(title), "{drawn}");
    }
    let distance = &pictures["distance.svg"];
    assert!(distance.contains("filled: in the fit") && !distance.contains("hollow"));
    assert!(distance.contains("slope 1") && distance.contains("= 20") && distance.contains("error of the flow"));
    assert!(pictures["alignment.svg"].contains("bars: 10–90 % of the seeds"));
}

#[test]
fn wall_times_that_scatter_are_said_to_be_noisy() {
    let mut study = learning_rates();
    for column in &mut study.runs.columns {
        if let ("wall_seconds_to_loss", Values::Float(seconds)) = (column.name.as_str(), &mut column.values) {
            seconds[1] *= 4.0;
        }
    }
    let cost = &rate_svgs(&study)["cost.svg"];
    assert!(cost.contains("Times are noisy: seconds per gradient of gd on batches of 60"), "{cost}");
}

#[test]
fn optimizers_of_one_batch_size_are_called_by_their_names() {
    let mut study = learning_rates();
    for table in [&mut study.runs, &mut study.curves, &mut study.fits] {
        for column in &mut table.columns {
            if let ("batch", Values::Integer(batches)) = (column.name.as_str(), &mut column.values) {
                batches.fill(60);
            }
        }
    }
    let distance = &rate_svgs(&study)["distance.svg"];
    assert!(distance.contains("rates: in η, the distance to the flow is of order 1.00 for gd"), "{distance}");
    assert!(distance.contains("gd diverges at η = 0.256") && !distance.contains("batches of"));
}

#[test]
fn a_study_of_learning_rates_without_rows_or_columns_is_no_crash() {
    let whole = learning_rates();
    let without = |edit: &dyn Fn(&mut RateStudy)| {
        let mut study = whole.clone();
        edit(&mut study);
        rate_svgs(&study);
    };
    without(&|study| study.flow = Table::default());
    without(&|study| study.fits = Table::default());
    without(&|study| study.curves = Table::default());
    without(&|study| study.runs = Table::default());
    without(&|study| (study.sharpness, study.flow_to_loss) = (f64::NAN, [f64::NAN; 2]));
    for index in 0..whole.curves.columns.len() {
        without(&|study| drop(study.curves.columns.remove(index)));
    }
    for index in 0..whole.runs.columns.len() {
        without(&|study| drop(study.runs.columns.remove(index)));
    }
}

/// Writes pictures to look at: `GRAMFLOW_PICTURES=/tmp/pictures cargo test --lib figure -- --ignored`.
#[test]
#[ignore = "writes pictures to look at"]
fn pictures_to_look_at() {
    let Some(folder) = std::env::var_os("GRAMFLOW_PICTURES") else { return };
    let long: String = "a caption that goes on and on, ".repeat(8);
    let mut many = sample::decaying(400, &[("gd", 0.02), ("gd-a", 0.1), ("gd-b", 0.2), ("gd-c", 0.3)]);
    many.caption.push_str(&long);
    let no_loss = with_column(with_column(sample::decaying(20, &[]), "loss", 0.0), "nfa_cosine", f64::NAN);
    for (name, run) in [
        ("decay", sample::decaying(200, &[("gd", 0.1)])),
        ("flow", sample::decaying(200, &[])),
        ("balanced", sample::balanced()),
        ("many", many),
        ("depth1", sample::depth(1)),
        ("depth9", sample::depth(9)),
        ("single", sample::single_record()),
        ("undefined", no_loss),
        ("long", sample::decaying(5000, &[("gd", 0.1)])),
    ] {
        let dir = Path::new(&folder).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        draw_all(&run, &Style::default(), &dir).unwrap();
    }
    let dir = Path::new(&folder).join("study");
    std::fs::create_dir_all(&dir).unwrap();
    draw_study(&every_method(), &Style::default(), &dir).unwrap();
}
