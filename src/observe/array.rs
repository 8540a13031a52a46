//! What an array of `arrays.npz` is: declared once, beside the code that writes it.

use super::Column;

/// An array of float64, or a family with one array per layer or column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedArray {
    /// What the array belongs to: the first half of its key.
    pub owner: Owner,
    /// The second half of its key; `{l}` stands for a layer, counted from 1, and `{column}` for a column of the records.
    pub name: &'static str,
    /// Its dimensions, in terms of the number of records T (one for each time in `{process}/t`) and the widths d_0, …, d_L: `T × d_0`.
    pub shape: &'static str,
    /// In the units of [`Column::unit`].
    pub unit: &'static str,
    /// Its definition, in one line.
    pub formula: &'static str,
    /// The label of its axis in a picture, as [`Column::label`]; empty where it has none of its own.
    pub label: &'static str,
    /// When it is written, provided that its group is observed.
    pub written: &'static str,
}

/// What an array belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The flow and every optimizer, one array each.
    EveryProcess,
    /// The flow alone.
    Flow,
    /// The target.
    Target,
}

/// When an observable writes its arrays.
const AT_EVERY_RECORD: &str = "at every record";

impl NamedArray {
    /// An array that an observable writes, for every process at every record.
    pub const fn new(name: &'static str, shape: &'static str, unit: &'static str, formula: &'static str) -> Self {
        Self { owner: Owner::EveryProcess, name, shape, unit, formula, label: "", written: AT_EVERY_RECORD }
    }

    /// The same array, with the label of its axis, in which `{l}` stands for the layer.
    pub const fn labelled(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    /// The same array, written at the times that `written` describes.
    pub(crate) const fn written(self, written: &'static str) -> Self {
        Self { written, ..self }
    }

    /// The same array, belonging to `owner`.
    pub(crate) const fn of(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    /// Its key in `arrays.npz`, such as `{process}/sv_W{l}`.
    pub fn key(&self) -> String {
        let owner = match self.owner {
            Owner::EveryProcess => "{process}",
            Owner::Flow => "flow",
            Owner::Target => "target",
        };
        format!("{owner}/{}", self.name)
    }

    /// Whether `name`, a key without its owner, names this array or one of this family.
    pub fn is_called(&self, name: &str) -> bool {
        match self.name.strip_suffix("{column}") {
            Some(before) => name.strip_prefix(before).is_some_and(|column| !column.is_empty()),
            None => self.by_layer().layer(name).is_some(),
        }
    }

    /// The label of the axis of `name`, if it is this array or one of this family and has a label.
    pub fn label_of(&self, name: &str) -> Option<String> {
        self.by_layer().label_of(name).filter(|label| !label.is_empty())
    }

    /// Arrays are counted by layer as columns are.
    fn by_layer(&self) -> Column {
        Column::new(self.name, self.formula, self.unit, self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_file() {
        let of = |name| NamedArray::new(name, "T", "1", "");
        assert_eq!(of("sv_W{l}").key(), "{process}/sv_W{l}");
        assert_eq!(of("agop").of(Owner::Target).key(), "target/agop");
        assert!(of("sv_W{l}").is_called("sv_W12") && !of("sv_W{l}").is_called("sv_product"));
        assert!(of("error_{column}").is_called("error_loss") && !of("error_{column}").is_called("error_"));
        assert!(of("t").is_called("t") && !of("t").is_called("step"));
    }
}
