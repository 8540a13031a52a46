//! Arrays and tables between Rust and NumPy.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::npz::{self, Array, Arrays};
use crate::record::{Table, TableColumn, Values};

/// `arrays` as a dict of float64 NumPy arrays.
pub(super) fn to_dict<'py>(py: Python<'py>, arrays: &Arrays) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, Array { shape, data }) in arrays {
        dict.set_item(name, data.clone().into_vec().into_pyarray(py).reshape(shape.as_slice())?)?;
    }
    Ok(dict)
}

/// The arrays in a dict of float64 NumPy arrays.
pub(super) fn from_dict(dict: &Bound<'_, PyDict>) -> PyResult<Arrays> {
    let mut arrays = Arrays::new();
    for (name, array) in dict {
        let name: String = name.extract()?;
        let array: PyReadonlyArrayDyn<f64> = array
            .extract()
            .map_err(|_| PyTypeError::new_err(format!("{name}: must be an array of float64, got {}", type_name(&array))))?;
        // Row by row, whatever its order in memory.
        let data = array.as_array().iter().copied().collect::<Vec<f64>>();
        arrays.insert(name, Array::new(array.shape(), data));
    }
    Ok(arrays)
}

pub(super) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "another type".to_string(), |name| name.to_string())
}

/// The columns of a table by name, in their order: lists of text, and arrays of int64, bool and float64.
pub(super) fn table_to_dict<'py>(py: Python<'py>, table: &Table) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for TableColumn { name, values } in &table.columns {
        match values {
            Values::Text(texts) => dict.set_item(name, PyList::new(py, texts.iter().collect::<Vec<&str>>())?)?,
            Values::Integer(counts) => dict.set_item(name, counts.clone().into_vec().into_pyarray(py))?,
            Values::Flag(flags) => dict.set_item(name, flags.clone().into_vec().into_pyarray(py))?,
            Values::Float(numbers) => dict.set_item(name, numbers.clone().into_vec().into_pyarray(py))?,
        }
    }
    Ok(dict)
}

/// The table that [`table_to_dict`] was given.
pub(super) fn table_from_dict(dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    let mut columns = Vec::new();
    for (name, values) in dict {
        let name: String = name.extract()?;
        let values = if let Ok(texts) = values.extract::<Vec<String>>() {
            Values::Text(texts.into_iter().collect())
        } else if let Ok(counts) = values.extract::<numpy::PyReadonlyArray1<i64>>() {
            Values::Integer(counts.as_slice()?.to_vec().into())
        } else if let Ok(flags) = values.extract::<numpy::PyReadonlyArray1<bool>>() {
            Values::Flag(flags.as_slice()?.to_vec().into())
        } else {
            Values::Float(values.extract::<numpy::PyReadonlyArray1<f64>>()?.as_slice()?.to_vec().into())
        };
        columns.push(TableColumn { name, values });
    }
    Ok(Table { columns })
}

/// Writes a dict of float64 arrays to the file `path`, the same bytes whenever the arrays are the same.
#[pyfunction]
pub(super) fn write_npz(path: PathBuf, arrays: &Bound<'_, PyDict>) -> PyResult<()> {
    npz::write(&path, &from_dict(arrays)?).map_err(|error| PyValueError::new_err(error.to_string()))
}
