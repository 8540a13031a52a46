//! What an axis of a panel shows.

use crate::scenario::style::{AxisStyle, Family};

use super::super::axis::{Axis, Scale};
use super::super::style::TICK_SIZE;
use super::super::text::label_width;

/// What an axis shows (with markup for sub- and superscripts), and how.
#[derive(Debug, Clone)]
pub(in super::super) struct AxisSpec {
    pub label: String,
    pub scale: Scale,
    /// Names that stand at 0, 1, …; empty on an axis of numbers.
    pub names: Vec<String>,
    /// The ends of the axis; without them it holds every point.
    pub limits: Option<[f64; 2]>,
}

impl AxisSpec {
    pub(in super::super) fn new(label: impl Into<String>, scale: Scale) -> Self {
        Self { label: label.into(), scale, names: Vec::new(), limits: None }
    }

    /// An axis of things without order: value i is `names[i]`.
    pub(in super::super) fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Self { names, ..Self::new(label, Scale::Index) }
    }

    pub(super) fn around(&self, values: impl IntoIterator<Item = f64>) -> Option<Axis> {
        match self.limits {
            _ if !self.names.is_empty() => Some(Axis::names(&self.names)),
            Some(limits) => Axis::between(self.scale, limits),
            None => Axis::around(self.scale, values),
        }
    }

    /// Applies a style, of which an axis of names takes the label alone. `Err`: limits that have no place on the scale.
    pub(super) fn restyle(&mut self, style: &AxisStyle) -> Result<(), [f64; 2]> {
        if let Some(label) = &style.label {
            self.label.clone_from(label);
        }
        if !self.names.is_empty() {
            return Ok(());
        }
        if let Some(scale) = style.scale {
            self.scale = scale.into();
        }
        self.limits = style.limits.or(self.limits);
        match self.limits {
            Some(limits) if limits.iter().any(|limit| self.scale.coordinate(*limit).is_none()) => Err(limits),
            _ => Ok(()),
        }
    }

    /// Whether names do not fit beside each other over `width`, so that they must stand upright.
    pub(super) fn upright(&self, family: Family, width: f64) -> bool {
        let slot = width / self.names.len().max(1) as f64;
        self.names.iter().any(|name| label_width(name, family.regular(TICK_SIZE)) + 6.0 > slot)
    }
}
