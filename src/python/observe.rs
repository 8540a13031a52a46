//! Observables of the user's own: Python functions of θ and t.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::arrays::to_dict;
use super::callback::{Callback, Calls};
use super::layered::Order;
use crate::observe::{Column, Columns, Group, Observable, Row, Snapshot};

/// One number at every record, by a Python function of θ and t. For a network θ is a dict of the arrays `W1`, `b1`, …; for the user's own
/// model it is one array of the shape of the start.
pub(super) struct Own {
    calls: Arc<Calls>,
    function: Callback,
    named: bool,
    /// The order of θ as the user has it, where that is another one.
    order: Option<Order>,
    /// Exactly one.
    columns: &'static [Column],
}

impl Own {
    /// The observables in a dict of functions by the names of their columns. `shape`: that of θ as one array, in `order`; `None`: θ is a dict.
    pub(super) fn of(
        py: Python<'_>,
        calls: &Arc<Calls>,
        functions: &Bound<'_, PyDict>,
        shape: Option<&[usize]>,
        order: Option<&Order>,
    ) -> PyResult<Vec<Self>> {
        let of = |(name, function): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let columns = columns(&name.extract::<String>()?);
            let args = PyTuple::empty(py).unbind();
            let function = Callback::new(columns[0].name, function.unbind(), args, shape.unwrap_or_default());
            Ok(Self { calls: Arc::clone(calls), function, named: shape.is_none(), order: order.cloned(), columns })
        };
        functions.iter().map(of).collect()
    }
}

/// The column of this name. Columns live as long as the program: each is made once.
fn columns(name: &str) -> &'static [Column] {
    static KNOWN: Mutex<Option<HashMap<&'static str, &'static [Column]>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(columns) = known.get(name) {
        return columns;
    }
    let name: &'static str = Box::leak(name.to_string().into_boxed_str());
    let columns: &'static [Column] = Box::leak(Box::new([Column::new(name, "measured by the user's own function", "-", name)]));
    known.insert(name, columns);
    columns
}

impl Observable for Own {
    fn columns(&self) -> Columns {
        Columns::new(Group::Own, self.columns)
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let value = if self.named {
            let theta = snapshot.parameters.to_arrays();
            self.function.number(&self.calls, |py| Ok(to_dict(py, &theta)?.into_any()), snapshot.t)
        } else {
            let theta = snapshot.parameters.values();
            let reordered = self.order.as_ref().map(|order| order.of_user(theta));
            self.function.number(&self.calls, |py| self.function.array(py, reordered.as_ref().unwrap_or(theta)), snapshot.t)
        };
        row.float(self.columns[0].name, value);
    }
}
