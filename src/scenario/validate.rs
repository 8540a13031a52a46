//! The ranges of a scenario's values. Each part checks its own; what concerns several parts is here. All problems are
//! collected, so that one reading reports them all.

use std::fmt::{Debug, Display};
use std::path::Path;

use super::{Data, Loss, Measure, Preserve, Scenario, optimizer};

/// A value out of its range: the path of its key, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub path: String,
    pub message: String,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Finding { path: path.to_string(), message: message.into() });
    }

    /// `must be {right}, got {value}`, unless `holds`.
    pub fn require(&mut self, holds: bool, path: &str, right: &str, value: impl Debug) {
        if !holds {
            self.add(path, format!("must be {right}, got {value:?}"));
        }
    }

    pub fn between<T: PartialOrd + Display + Debug>(&mut self, path: &str, value: T, least: T, most: T) {
        self.require(least <= value && value <= most, path, &format!("between {least} and {most}"), value);
    }

    pub fn positive(&mut self, path: &str, value: f64) {
        self.require(value > 0.0, path, "greater than 0", value);
    }

    pub fn not_negative(&mut self, path: &str, value: f64) {
        self.require(value >= 0.0, path, "at least 0", value);
    }

    /// The rate of a moving average.
    pub fn rate(&mut self, path: &str, value: f64) {
        self.require((0.0..1.0).contains(&value), path, "at least 0 and less than 1", value);
    }

    pub fn singular_values(&mut self, path: &str, values: &[f64]) {
        for (index, &value) in values.iter().enumerate() {
            self.positive(&super::path::item(path, index), value);
        }
    }

    /// `letters`: in words, the characters that `allowed` admits.
    pub fn name(&mut self, path: &str, name: &str, letters: &str, allowed: fn(char) -> bool) {
        let length = name.chars().count();
        if !(1..=100).contains(&length) {
            self.add(path, format!("must have 1 to 100 characters, got {length}"));
        } else if !name.chars().all(allowed) {
            self.add(path, format!("must consist of {letters}, got {name:?}"));
        }
    }

    /// Once read, paths are absolute: what is not UTF-8 in one may come from the folder of the scenario.
    pub fn file(&mut self, path: &str, file: &Path) {
        if file.as_os_str().is_empty() {
            self.add(path, "must name a file, got nothing");
        } else if file.to_str().is_none() {
            self.add(path, format!("{} is not UTF-8: move the scenario to another folder", file.display()));
        }
    }
}

impl Scenario {
    pub(super) fn validate(&self, found: &mut Findings) {
        found.name("name", &self.name, "a-z, 0-9 and -", |c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
        if self.description.iter().any(|text| text.chars().any(char::is_control)) {
            found.add("description", "must be one line, without control characters");
        }
        self.data.validate(found);
        self.network.validate(found);
        self.validate_ends(found);
        if self.loss == Loss::CrossEntropy && self.network.widths.last().is_some_and(|&classes| classes < 2) {
            found.add(
                "loss",
                "cross_entropy needs a network with one output per class, 2 or more: with one output use logistic",
            );
        }
        self.init.validate(&self.network.widths, found);
        found.not_negative("weight_decay", self.weight_decay);
        self.flow.validate(found);
        self.record.validate(self.flow.t_end, found);
        let samples = match &self.data {
            Data::Synthetic(synthetic) => Some(synthetic.inputs.samples),
            Data::File(_) => None,
        };
        optimizer::validate(&self.optimizers, samples, self.flow.t_end, found);
        for (index, measure) in self.measure.iter().enumerate().take(super::MOST_WORDS) {
            let twice = self.measure[..index].contains(measure);
            found.require(!twice, &super::path::item("measure", index), "named once", measure);
        }
        self.validate_claims(found);
        self.validate_linear(found);
    }

    /// What rests on the whole matrix D_l, which only linear networks without biases conserve.
    fn validate_linear(&self, found: &mut Findings) {
        if self.network.is_linear() {
            return;
        }
        let needs = "needs a linear network without biases, of which all of D_l is conserved";
        if self.flow.preserve != Preserve::None {
            found.add("flow.preserve", needs);
        }
        if let Some(index) = self.measure.iter().position(|&measure| measure == Measure::Ledger) {
            found.add(&super::path::item("measure", index), format!("ledger {needs}"));
        }
    }

    /// The network takes the inputs and gives the outputs of the data. What a file holds is known only once it is read.
    fn validate_ends(&self, found: &mut Findings) {
        let (Data::Synthetic(data), [d_in, .., d_out]) = (&self.data, self.network.widths.as_slice()) else { return };
        let at = |index| super::path::item("network.widths", index);
        found.require(*d_in == data.inputs.dim, &at(0), &format!("the inputs' dim, {}", data.inputs.dim), d_in);
        let last = self.network.layers();
        let outputs = data.target.outputs();
        found.require(*d_out == outputs, &at(last), &format!("the target's outputs, {outputs}"), d_out);
    }
}
