//! What a column of the records is: declared once, beside the code that measures it.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::{Measure, NamedArray};

/// Columns that are recorded together; `observe` names groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Loss, objective, gradient norm, accuracy; also on test samples.
    Loss,
    /// The imbalance of neighbouring layers, and how closely it follows its law.
    Balance,
    /// The Neural Feature Ansatz: residuals and cosines.
    Nfa,
    /// The cosine of the ansatz as a function of its exponent.
    Alignment,
    /// The average gradient outer product, compared with the target's and centred.
    Agop,
    /// Features at convergence (FACT).
    Fact,
    /// The measured exponent of the ansatz.
    Exponent,
    /// Singular values and ranks.
    Spectra,
    /// Distances of optimizers to flows.
    Distance,
    /// The largest eigenvalue of the Hessian.
    Sharpness,
    /// Both ends of the Hessian's spectrum. Opt-in by `measure`.
    Hessian,
    /// The exact law of the balance under the steps of optimizers. Opt-in by `measure`.
    Ledger,
    /// The neural tangent kernel. Opt-in by `measure`.
    Ntk,
    /// Observables that a user of the library defines; not available in a scenario.
    #[serde(skip)]
    Own,
}

impl Group {
    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Balance => "balance",
            Self::Nfa => "nfa",
            Self::Alignment => "alignment",
            Self::Agop => "agop",
            Self::Fact => "fact",
            Self::Exponent => "exponent",
            Self::Spectra => "spectra",
            Self::Distance => "distance",
            Self::Sharpness => "sharpness",
            Self::Hessian => "hessian",
            Self::Ledger => "ledger",
            Self::Ntk => "ntk",
            Self::Own => "own",
        }
    }

    /// Whether it is among the groups `chosen`; `None` means all groups, and [`Group::Own`] is always among them.
    pub fn is_among(self, chosen: Option<&[Self]>) -> bool {
        self == Self::Own || chosen.is_none_or(|groups| groups.contains(&self))
    }

    /// Whether its columns describe layers, so that an objective without layers has none of them.
    pub fn is_of_layers(self) -> bool {
        match self {
            Self::Loss | Self::Distance | Self::Sharpness | Self::Hessian | Self::Ntk | Self::Own => false,
            Self::Balance | Self::Nfa | Self::Alignment | Self::Agop | Self::Fact | Self::Exponent => true,
            Self::Spectra | Self::Ledger => true,
        }
    }

    /// Whether its columns need the decompositions of weights and Jacobians in a [`Snapshot`](super::Snapshot).
    pub fn is_decomposed(self) -> bool {
        matches!(self, Self::Nfa | Self::Alignment | Self::Agop | Self::Exponent | Self::Spectra)
    }
}

impl Display for Group {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A column, or a family with one column per layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in `records.parquet`; `{l}` stands for a layer, counted from 1.
    pub name: &'static str,
    /// Its definition, in one line.
    pub formula: &'static str,
    /// Its unit, in terms of the loss ℒ, the weights θ, the inputs x and the outputs f; time has θ²/ℒ, pure numbers have 1, and what is no
    /// number has `-`.
    pub unit: &'static str,
    /// The label of its axis in a picture, with the markup of `figure`; `{l}` as in the name.
    pub label: &'static str,
    /// The entry of `measure` that asks for it; `None` if it needs none.
    pub measure: Option<Measure>,
}

impl Column {
    /// A column that is measured whenever its group is recorded.
    pub const fn new(name: &'static str, formula: &'static str, unit: &'static str, label: &'static str) -> Self {
        Self { name, formula, unit, label, measure: None }
    }

    /// The same column, measured only where `measure` asks for it.
    pub(super) const fn by(self, measure: Measure) -> Self {
        Self { measure: Some(measure), ..self }
    }

    /// The layer of the column `name` in this family: 0 if `name` is this column and has no layer, `None` if it is any other column.
    pub fn layer(&self, name: &str) -> Option<usize> {
        let Some((before, after)) = self.name.split_once("{l}") else { return (self.name == name).then_some(0) };
        let layer = name.strip_prefix(before)?.strip_suffix(after)?;
        let counts = layer.bytes().all(|byte| byte.is_ascii_digit()) && !layer.starts_with('0');
        layer.parse().ok().filter(|_| counts)
    }

    /// The label of the column `name`, if it is this column or one of this family.
    pub fn label_of(&self, name: &str) -> Option<String> {
        self.layer(name).map(|layer| self.label.replace("{l}", &layer.to_string()))
    }
}

/// The columns of one observable, in the order in which it writes them, and its arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// The group that they are recorded with.
    pub group: Group,
    /// The columns, families included.
    pub list: &'static [Column],
    /// What the observable writes to the arrays over time.
    pub arrays: &'static [NamedArray],
}

impl Columns {
    /// The columns `list` of `group`, without arrays.
    pub const fn new(group: Group, list: &'static [Column]) -> Self {
        Self { group, list, arrays: &[] }
    }

    /// The same, with these arrays.
    pub const fn arrays(self, arrays: &'static [NamedArray]) -> Self {
        Self { arrays, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_hold_a_column_for_each_layer_and_no_other() {
        let family = Column::new("cosine_W{l}_of", "", "1", "cosine of W_{{l}}");
        assert_eq!((family.layer("cosine_W12_of"), family.layer("cosine_W1_of")), (Some(12), Some(1)));
        for other in ["cosine_W_of", "cosine_W{l}_of", "cosine_W1", "cosine_W01_of", "cosine_W+1_of", "cosine_W-1_of", "W1"] {
            assert_eq!(family.layer(other), None, "{other}");
        }
        assert_eq!(family.label_of("cosine_W12_of").as_deref(), Some("cosine of W_{12}"));
        assert_eq!(Column::new("loss", "", "ℒ", "loss ℒ").label_of("losses"), None);
    }

    #[test]
    fn groups_are_called_as_they_are_written() {
        for group in super::super::registry::groups() {
            assert_eq!(serde_json::to_value(group).unwrap(), group.name());
        }
    }
}
