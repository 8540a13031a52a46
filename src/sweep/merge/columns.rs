//! The columns of the merged table: the keys that vary, each of a type for all its values, and the union of the units' columns.

use std::path::Path;

use serde_json::Value;

use crate::folder::{ColumnKind, FileColumn, shown, unit_fields};
use crate::record::{Table, TableColumn, Texts, Values};
use crate::sweep::{SweepError, SweepPlan, Unit};

/// `unit`, and the keys that vary.
pub(super) struct Varied<'p> {
    plan: &'p SweepPlan,
    kinds: Vec<ColumnKind>,
}

impl<'p> Varied<'p> {
    pub fn of(plan: &'p SweepPlan) -> Self {
        let kinds = plan.varied.iter().flat_map(|factor| factor.values.iter().map(|values| kind(values))).collect();
        Self { plan, kinds }
    }

    pub fn fields(&self) -> Vec<FileColumn> {
        let keys =
            self.plan.keys().into_iter().zip(&self.kinds).map(|(key, kind)| FileColumn { name: key.to_string(), kind: *kind });
        std::iter::once(FileColumn { name: "unit".into(), kind: ColumnKind::Text }).chain(keys).collect()
    }

    /// The records of a unit, preceded by these columns.
    pub fn before(&self, unit: Unit, records: Table) -> Table {
        let rows = records.rows();
        let id = TableColumn { name: "unit".into(), values: Values::Text(Texts::repeated(unit.id.to_string(), rows)) };
        let keys = self.plan.keys().into_iter().zip(self.plan.values(unit)).zip(&self.kinds);
        let varied =
            keys.map(|((key, value), kind)| TableColumn { name: key.to_string(), values: repeated(value, *kind, rows) });
        Table { columns: std::iter::once(id).chain(varied).chain(records.columns).collect() }
    }
}

/// Integers, floats or flags; text for everything else (`[10,10,10]`, `pytorch`, `{"gaussian":{"std":0.1}}`), and for mixed values.
fn kind(values: &[Value]) -> ColumnKind {
    // A seed of 2⁶³ or more does not fit int64, and float64 cannot tell it from its neighbours.
    let exact = |value: &Value| value.is_f64() || value.as_i64().is_some();
    match values {
        _ if values.iter().all(|value| value.as_i64().is_some()) => ColumnKind::Integer,
        _ if values.iter().all(exact) => ColumnKind::Float,
        _ if values.iter().all(Value::is_boolean) => ColumnKind::Flag,
        _ => ColumnKind::Text,
    }
}

fn repeated(value: &Value, kind: ColumnKind, rows: usize) -> Values {
    match kind {
        ColumnKind::Integer => Values::Integer(vec![value.as_i64().unwrap_or_default(); rows].into()),
        ColumnKind::Float => Values::Float(vec![value.as_f64().unwrap_or(f64::NAN); rows].into()),
        ColumnKind::Flag => Values::Flag(vec![value.as_bool().unwrap_or_default(); rows].into()),
        ColumnKind::Text => Values::Text(Texts::repeated(shown(value), rows)),
    }
}

/// The columns of all units. A new one is inserted after the column that precedes it in the first unit, by id, that has it.
#[derive(Debug, Default)]
pub(super) struct Union {
    fields: Vec<FileColumn>,
    /// The columns of the last unit, which are usually those of the next.
    last: Vec<FileColumn>,
}

impl Union {
    /// Adds the columns of the unit in `folder`.
    pub fn add(&mut self, folder: &Path) -> Result<(), SweepError> {
        let fields = unit_fields(folder)?;
        if fields != self.last {
            self.join(&fields);
            self.last = fields;
        }
        Ok(())
    }

    fn join(&mut self, fields: &[FileColumn]) {
        let mut place = 0;
        for field in fields {
            match self.fields.iter().position(|known| known.name == field.name) {
                Some(known) => place = known + 1,
                None => {
                    self.fields.insert(place, field.clone());
                    place += 1;
                }
            }
        }
    }

    /// The columns; without units, those that every run has.
    pub fn fields(&self) -> Vec<FileColumn> {
        let every = [("process", ColumnKind::Text), ("step", ColumnKind::Integer), ("t", ColumnKind::Float)];
        match self.fields.is_empty() {
            true => every.map(|(name, kind)| FileColumn { name: name.into(), kind }).to_vec(),
            false => self.fields.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_join_where_they_follow() {
        let fields = |names: &str| -> Vec<FileColumn> {
            names.split(' ').map(|name| FileColumn { name: name.into(), kind: ColumnKind::Float }).collect()
        };
        let mut union = Union::default();
        for names in ["t gap_1 loss", "t gap_1 gap_2 gap_3 loss", "t loss nfa", "t gap_1 gap_2 loss rank"] {
            union.join(&fields(names));
        }
        assert_eq!(union.fields(), fields("t gap_1 gap_2 gap_3 loss rank nfa"));
    }

    #[test]
    fn a_column_has_the_type_of_all_its_values() {
        let kind = |text: &str| kind(&serde_json::from_str::<Vec<Value>>(text).unwrap());
        assert_eq!(kind("[1, 2]"), ColumnKind::Integer);
        assert_eq!(kind("[0, 1e-3]"), ColumnKind::Float);
        assert_eq!(kind("[true, false]"), ColumnKind::Flag);
        assert_eq!(kind("[true, 1]"), ColumnKind::Text);
        assert_eq!(kind("[[1, 2], \"x\"]"), ColumnKind::Text);
        assert_eq!(kind("[1, 18446744073709551615]"), ColumnKind::Text);
        assert_eq!(repeated(&serde_json::json!([10, 10]), ColumnKind::Text, 1), Values::Text(Texts::repeated("[10,10]", 1)));
    }
}
