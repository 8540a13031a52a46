//! The arrays of all units as one NPZ file: `unit` (their ids), the keys that vary, then the arrays, stacked along a first axis of units.
//!
//! | array | shape | is |
//! | --- | --- | --- |
//! | `unit` | (units,) | the ids, as in `sweep.parquet`, in its order |
//! | `weight_decay`, … | (units,) | the value of each key that varies: numbers, or text |
//! | `gd/W1`, … | (units, out, in) | an array that has one shape in all units that have it; NaN in a unit that lacks it |
//! | `<id>/gd/W1`, … | (out, in) | an array whose shape differs between units, once for each |
//!
//! One array of all units is in memory at a time, or less where that is large.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::folder::{FolderError, kept_file, shown};
use crate::npz::{self, NpzWriter};
use crate::scenario::KeptFile;
use crate::sweep::{SweepError, SweepPlan, Unit};

/// Arrays of all units that are read together, in bytes: one opening of a unit's file serves all of them.
const TOGETHER: u64 = 128_000_000;

/// The units of a merged file that kept `what`.
pub(super) struct Stack<'p> {
    pub plan: &'p SweepPlan,
    /// In the order of the table.
    pub units: &'p [(Unit, PathBuf)],
    pub what: KeptFile,
}

/// An array of the file.
struct Stacked {
    name: String,
    /// In each unit, which may lack it.
    shapes: Vec<Option<Vec<usize>>>,
}

impl Stacked {
    /// The shape in all units that have it, unless it differs.
    fn shape(&self) -> Option<&[usize]> {
        let mut known = self.shapes.iter().flatten();
        let first = known.next()?;
        known.all(|shape| shape == first).then_some(first)
    }

    /// Bytes of all units.
    fn bytes(&self) -> u64 {
        let entries = |shape: &Vec<usize>| shape.iter().map(|&length| length as u64).product::<u64>();
        8 * self.shapes.iter().flatten().map(entries).sum::<u64>()
    }
}

impl Stack<'_> {
    fn file(&self, unit: usize) -> PathBuf {
        self.units[unit].1.join(kept_file(self.what))
    }

    /// How many units lack the file.
    pub fn lacking(&self) -> usize {
        (0..self.units.len()).filter(|&unit| !self.file(unit).is_file()).count()
    }

    /// Writes the file `to`.
    pub fn write(&self, to: &Path) -> Result<(), SweepError> {
        let mut writer = NpzWriter::create(to).map_err(FolderError::from)?;
        let written = self.write_all(&mut writer);
        written.and_then(|()| Ok(writer.finish().map_err(FolderError::from)?))
    }

    fn write_all(&self, writer: &mut NpzWriter) -> Result<(), SweepError> {
        let ids: Vec<String> = self.units.iter().map(|(unit, _)| unit.id.to_string()).collect();
        writer.texts("unit", &ids).map_err(FolderError::from)?;
        for (place, key) in self.plan.keys().into_iter().enumerate() {
            let values: Vec<&Value> = self.units.iter().map(|(unit, _)| self.plan.values(*unit)[place]).collect();
            match values.iter().map(|value| number(value)).collect::<Option<Vec<f64>>>() {
                Some(numbers) => writer.array(key, &[numbers.len()], &numbers),
                None => writer.texts(key, &values.into_iter().map(shown).collect::<Vec<_>>()),
            }
            .map_err(FolderError::from)?;
        }
        let mut rest = &self.arrays()?[..];
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |array: &&Stacked| {
                bytes += array.bytes();
                bytes <= TOGETHER
            };
            let (group, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            self.write_group(group, writer)?;
            rest = others;
        }
        Ok(())
    }

    /// The arrays of all units, by name.
    fn arrays(&self) -> Result<Vec<Stacked>, SweepError> {
        let mut arrays: BTreeMap<String, Vec<Option<Vec<usize>>>> = BTreeMap::new();
        for unit in (0..self.units.len()).filter(|&unit| self.file(unit).is_file()) {
            for (name, shape) in npz::shapes(&self.file(unit), |_| true).map_err(FolderError::from)? {
                arrays.entry(name).or_insert_with(|| vec![None; self.units.len()])[unit] = Some(shape);
            }
        }
        Ok(arrays.into_iter().map(|(name, shapes)| Stacked { name, shapes }).collect())
    }

    /// Writes these arrays, which fit into memory together, or one that may not.
    fn write_group(&self, group: &[Stacked], writer: &mut NpzWriter) -> Result<(), SweepError> {
        if let [one] = group
            && let Some(shape) = one.shape()
        {
            return self.write_stacked(one, shape, writer);
        }
        let names: BTreeSet<&str> = group.iter().map(|array| array.name.as_str()).collect();
        let mut read = Vec::with_capacity(self.units.len());
        for unit in 0..self.units.len() {
            let has = group.iter().any(|array| array.shapes[unit].is_some());
            let file = self.file(unit);
            let arrays = if has { npz::read_those(&file, |name| names.contains(name)) } else { Ok(npz::Arrays::new()) };
            read.push(arrays.map_err(FolderError::from)?);
        }
        for array in group {
            match array.shape() {
                Some(shape) => {
                    let size: usize = shape.iter().product();
                    let mut data = Vec::with_capacity(size * read.len());
                    for own in &read {
                        match own.get(&array.name) {
                            Some(own) => data.extend_from_slice(&own.data),
                            None => data.resize(data.len() + size, f64::NAN),
                        }
                    }
                    writer.array(&array.name, &[&[read.len()], shape].concat(), &data).map_err(FolderError::from)?;
                }
                None => {
                    for ((unit, _), own) in self.units.iter().zip(&read) {
                        let Some(own) = own.get(&array.name) else { continue };
                        let name = format!("{}/{}", unit.id, array.name);
                        writer.array(&name, &own.shape, &own.data).map_err(FolderError::from)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes one array of this shape, unit by unit.
    fn write_stacked(&self, array: &Stacked, shape: &[usize], writer: &mut NpzWriter) -> Result<(), SweepError> {
        let size: usize = shape.iter().product();
        writer.begin(&array.name, &[&[self.units.len()], shape].concat()).map_err(FolderError::from)?;
        for unit in 0..self.units.len() {
            let data = match array.shapes[unit] {
                Some(_) => {
                    let mut own = npz::read_those(&self.file(unit), |name| name == array.name).map_err(FolderError::from)?;
                    own.remove(&array.name).map(|own| own.data).filter(|data| data.len() == size)
                }
                None => None,
            };
            writer.numbers(&data.unwrap_or_else(|| vec![f64::NAN; size].into())).map_err(FolderError::from)?;
        }
        Ok(())
    }
}

/// A value as a float, unless it is no number or none that float64 holds.
fn number(value: &Value) -> Option<f64> {
    /// Integers up to here are floats.
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64(),
        Value::Number(number) => number.as_i64().filter(|count| count.unsigned_abs() <= EXACT).map(|count| count as f64),
        _ => None,
    }
}
