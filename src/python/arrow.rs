//! Records as Arrow arrays: the stream of the PyCapsule interface, from which pyarrow, polars, pandas, DuckDB and others make tables.

use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::record::{Run, Values};

/// The records of a run, null where a quantity is not defined, as in `records.parquet`. Numbers are not copied: the stream's consumer shares
/// those of `run`.
pub(super) fn stream<'py>(py: Python<'py>, run: &Arc<Run>) -> PyResult<Bound<'py, PyCapsule>> {
    let stream = batch(run).map(|batch| {
        let schema = batch.schema();
        FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
    });
    let stream = stream.map_err(|error| PyValueError::new_err(error.to_string()))?;
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

fn batch(run: &Arc<Run>) -> Result<RecordBatch, ArrowError> {
    let array = |name: &str, values: &Values| -> ArrayRef {
        match values {
            Values::Text(texts) => Arc::new(StringArray::from_iter_values(texts.iter())),
            Values::Flag(flags) => Arc::new(BooleanArray::from(flags.clone().into_vec())),
            Values::Integer(_) => Arc::new(Int64Array::new(shared(run, |run| run.table.counts(name)), None)),
            Values::Float(numbers) => {
                let undefined = numbers.iter().any(|x| x.is_nan());
                let defined = undefined.then(|| numbers.iter().map(|x| !x.is_nan()).collect::<NullBuffer>());
                Arc::new(Float64Array::new(shared(run, |run| run.table.numbers(name)), defined))
            }
        }
    };
    RecordBatch::try_from_iter_with_nullable(run.table.columns.iter().map(|column| {
        let (name, values) = (&column.name, &column.values);
        (name, array(name, values), matches!(values, Values::Float(_)))
    }))
}

/// A buffer of these values of a run, which it shares.
fn shared<T: ArrowNativeType>(run: &Arc<Run>, values: impl for<'r> Fn(&'r Run) -> &'r [T]) -> ScalarBuffer<T> {
    let values = values(run);
    let start = NonNull::from(values).cast::<u8>();
    // SAFETY: by its type the closure can only return values that live as long as the run, which the buffer keeps alive. What a run
    // has loaded as a slice stays where it is until the run is changed, and nobody changes it while it is shared.
    let buffer = unsafe { Buffer::from_custom_allocation(start, size_of_val(values), Arc::clone(run) as _) };
    ScalarBuffer::new(buffer, 0, values.len())
}
