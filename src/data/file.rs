//! Arrays from NPZ files. Samples: X of shape (n, d_0) and Y of shape (n, d_L), or (n,) for d_L = 1; and perhaps M of Y's shape, 1 where a
//! label was observed and 0 elsewhere; and perhaps test samples X_test and Y_test, of shapes (m, d_0) and (m, d_L).

use std::path::Path;

use nalgebra::DMatrix;

use crate::npz::{self, Array, Arrays};

use super::{Dataset, DatasetError};

/// Those arrays of one file that were asked for.
pub(super) struct Opened<'a> {
    path: &'a Path,
    arrays: Arrays,
}

impl<'a> Opened<'a> {
    /// Of `names`, those that the file has; others stay unread.
    pub(super) fn new(path: &'a Path, names: &[&str]) -> Result<Self, DatasetError> {
        Ok(Self { path, arrays: npz::read_those(path, |name| names.contains(&name))? })
    }

    pub(super) fn fail(&self, reason: String) -> DatasetError {
        DatasetError::File { path: self.path.into(), reason }
    }

    /// The array `name`. `needs`: what the file is to hold.
    fn array(&self, name: &str, needs: &str) -> Result<&Array, DatasetError> {
        self.arrays.get(name).ok_or_else(|| {
            let there: Vec<String> = npz::shapes(self.path, |_| true).unwrap_or_default().into_keys().collect();
            let others = if there.is_empty() { String::new() } else { format!(", but there is `{}`", there.join("`, `")) };
            self.fail(format!("there is no array `{name}`{others}: {needs}"))
        })
    }

    /// An array of finite numbers. `needs`: what the file is to hold.
    pub(super) fn finite(&self, name: &str, needs: &str) -> Result<&Array, DatasetError> {
        let array = self.array(name, needs)?;
        match array.data.iter().position(|value| !value.is_finite()) {
            None => Ok(array),
            Some(place) => Err(self.fail(not_finite(name, array, place))),
        }
    }

    /// One sample per row.
    fn rows(&self, name: &str, array: &Array) -> Result<DMatrix<f64>, DatasetError> {
        matrix(array).ok_or_else(|| self.fail(format!("`{name}` has shape {:?}: store one sample per row", array.shape)))
    }
}

/// Says which entry is not finite, by its index as NumPy has it.
fn not_finite(name: &str, array: &Array, place: usize) -> String {
    let mut rest = place;
    let mut index: Vec<String> = Vec::new();
    for length in array.shape.iter().rev() {
        index.insert(0, (rest % length).to_string());
        rest /= length;
    }
    let at = if index.is_empty() { String::new() } else { format!("[{}]", index.join(", ")) };
    let value = array.data[place];
    let remedy = if value.is_nan() { "fill in what is missing, or leave it out" } else { "all entries must be finite" };
    format!("`{name}`{at} is {value}: {remedy}")
}

const SAMPLES: &str = "it needs X and Y, one sample per row";

const TEST: &str = "test samples are X_test and Y_test, one per row: store both or neither";

/// The samples to train on, and the test samples if there are any.
pub(super) fn read(path: &Path) -> Result<(Dataset, Option<Dataset>), DatasetError> {
    let file = Opened::new(path, &["X", "Y", "M", "X_test", "Y_test"])?;
    let misspelt = npz::shapes(path, |name| meant(name).is_some_and(|meant| meant != name))?;
    // A number, such as the count m, is no array of samples.
    if let Some((name, _)) = misspelt.iter().find(|(_, shape)| !shape.is_empty()) {
        let meant = meant(name).unwrap_or_default();
        return Err(file.fail(format!("there is an array `{name}`, which is not read: call it `{meant}`, or remove it")));
    }
    let x = file.rows("X", file.finite("X", SAMPLES)?)?;
    let y = match file.arrays.contains_key("M") {
        false => file.rows("Y", file.finite("Y", SAMPLES)?)?,
        true => observed(&file)?,
    };
    if x.nrows() != y.nrows() {
        let (inputs, labels) = (x.shape(), y.shape());
        let remedy = if inputs.1 == labels.1 {
            "each row is a sample: store the transposes of both"
        } else {
            "store one label per sample, in rows"
        };
        return Err(file.fail(format!("X has {} samples and Y has {}: {remedy}", inputs.0, labels.0)));
    }
    let train = Dataset { x, y };
    let has_test = ["X_test", "Y_test"].iter().any(|name| file.arrays.contains_key(*name));
    let test = has_test.then(|| read_test(&file, &train)).transpose()?;
    Ok((train, test))
}

/// The array that `name` seems to stand for, of those that a file need not have: nothing else would tell that it is not read.
fn meant(name: &str) -> Option<&'static str> {
    match name.to_lowercase().replace(['_', '-'], "").as_str() {
        "m" | "mask" => Some("M"),
        "xtest" => Some("X_test"),
        "ytest" => Some("Y_test"),
        _ => None,
    }
}

/// X_test and Y_test, of as many columns each as X and Y.
fn read_test(file: &Opened, train: &Dataset) -> Result<Dataset, DatasetError> {
    let rows = |name: &str, training: &str, columns: usize| {
        let array = file.rows(name, file.finite(name, TEST)?)?;
        let found = array.ncols();
        let fail = || format!("`{name}` has {found} columns, but `{training}` has {columns}: store as many");
        if found == columns { Ok(array) } else { Err(file.fail(fail())) }
    };
    let (x, y) = (rows("X_test", "X", train.x.ncols())?, rows("Y_test", "Y", train.y.ncols())?);
    if x.nrows() == y.nrows() {
        Ok(Dataset { x, y })
    } else {
        Err(file.fail(format!("X_test has {} samples, but Y_test has {}: store one label per sample", x.nrows(), y.nrows())))
    }
}

/// Y where M is 1, and NaN where it is 0, whatever stands there in Y.
fn observed(file: &Opened) -> Result<DMatrix<f64>, DatasetError> {
    let mask = file.finite("M", SAMPLES)?;
    let labels = file.array("Y", SAMPLES)?;
    let (mask, mut labels) = (file.rows("M", mask)?, file.rows("Y", labels)?);
    if mask.shape() != labels.shape() {
        let (mask, labels) = (mask.shape(), labels.shape());
        return Err(file.fail(format!(
            "M has shape {mask:?}, but Y has {labels:?}: store one entry per label, 1 if it was observed, else 0"
        )));
    }
    for row in 0..mask.nrows() {
        for column in 0..mask.ncols() {
            let (seen, label) = (mask[(row, column)], &mut labels[(row, column)]);
            match seen {
                0.0 => *label = f64::NAN,
                1.0 if label.is_finite() => {}
                1.0 => {
                    let reason = format!(
                        "Y[{row}, {column}] is {label:?}, but M marks it as observed: set M to 0 where there is no label"
                    );
                    return Err(file.fail(reason));
                }
                _ => {
                    return Err(
                        file.fail(format!("M[{row}, {column}] is {seen:?}: a mask is 1 where a label was observed, else 0"))
                    );
                }
            }
        }
    }
    if labels.iter().all(|y| y.is_nan()) {
        Err(file.fail("M is 0 everywhere: no label was observed".into()))
    } else {
        Ok(labels)
    }
}

/// A vector counts as one column. Without rows or without columns there are no samples.
pub(super) fn matrix(array: &Array) -> Option<DMatrix<f64>> {
    let (rows, columns) = match array.shape[..] {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => return None,
    };
    (rows > 0 && columns > 0).then(|| DMatrix::from_row_slice(rows, columns, &array.data))
}
