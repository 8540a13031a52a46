//! Checks the ranges of a scenario's values. Each part checks its own; checks across parts are here.

use crate::data::Data;
use crate::flow::Preserve;
use crate::loss::Loss;
use crate::observe::Measure;
use crate::optim;
use crate::settings::{Findings, path};

use super::style::PICTURES;
use super::{ONE_RATE, Scenario};

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
        self.init.validate(&self.network, found);
        self.weight_decay.validate(self.network.layers(), found);
        self.layer_rates.validate(self.network.layers(), found);
        self.flow.validate(found);
        self.record.validate(self.flow.t_end, found);
        self.validate_map_data(found);
        optim::validate(&self.optimizers, &self.about_optimizers(self.data.drawn()), self.flow.t_end, found);
        if let Some(stop) = &self.stop {
            stop.validate(self.loss, found);
        }
        self.validate_observed(found);
        self.validate_claims(found);
        self.validate_linear(found);
        self.style.validate("style", found);
        self.style.validate_names("style", &PICTURES, found);
        // These use the rates and decays of single layers: their lists must have the right length.
        if found.0.is_empty() {
            self.validate_layers(found);
        }
    }

    /// What settings of optimizers are checked against, on this many samples where the number is known.
    pub(crate) fn about_optimizers(&self, samples: Option<usize>) -> optim::About {
        let (biases, labelled) = (self.network.has_biases(), !self.data.is_moments());
        optim::About { samples, biases, labelled, squared: self.loss == Loss::Mse }
    }

    /// What is not available where layers have rates or decays of their own.
    fn validate_layers(&self, found: &mut Findings) {
        let rates = !self.layer_rates.are_one();
        if rates && self.flow.preserve != Preserve::None {
            let message = "projects onto the law of layers with one rate: leave out layer_rates, or use integrator {gauss: {stages: 2}}, \
                           which keeps the law where κ_lλ_l is the same for all layers";
            found.add("flow.preserve", message);
        } else if self.balance_law().rate().is_none() && self.flow.preserve != Preserve::None {
            found.add("flow.preserve", format!("needs {ONE_RATE}"));
        }
        self.validate_claims_of_layers(found);
        for (index, optimizer) in self.optimizers.iter().enumerate() {
            if rates && optimizer.noise().temperature > 0.0 {
                let at = path::child(&path::item("optimizers", index), &format!("{}.temperature", optimizer.kind()));
                found.add(&at, "needs one rate for all layers: at the rate κ_l layer l would have the temperature κ_l·T");
            }
        }
        for (index, &measure) in self.measure.iter().enumerate() {
            let assumes = matches!(measure, Measure::Ledger | Measure::PreconditionedSharpness) || measure.compares();
            if !self.is_one_for_all() && assumes {
                let message = format!(
                    "{} assumes one rate and one weight decay for all layers: leave it out, or give all layers the same",
                    measure.name()
                );
                found.add(&path::item("measure", index), message);
            }
        }
    }

    /// Data that give the loss as a function of W_L⋯W_1 only need a network that is linear; batches need samples.
    fn validate_map_data(&self, found: &mut Findings) {
        let moments = self.data.is_moments();
        let (at, what) = match &self.data {
            Data::Synthetic(_) if moments => {
                ("data.synthetic.inputs.samples", "a population is known by its moments, which hold")
            }
            Data::Moments(_) => ("data.moments", "moments hold"),
            Data::Sensing(_) => ("data.sensing", "measurements of W_L⋯W_1 hold"),
            Data::Synthetic(_) | Data::File(_) => return,
        };
        if !self.network.is_linear() {
            found.add(
                at,
                format!("{what} only what a linear network without biases needs: with activations or biases, train on samples"),
            );
        }
        if self.loss != Loss::Mse {
            found.add(at, format!("{what} only what the loss mse needs: for another loss, train on samples"));
        }
        for (index, optimizer) in self.optimizers.iter().enumerate() {
            if optimizer.batching().is_some() && moments {
                found.add(
                    &format!("optimizers[{index}].{}.batch", optimizer.kind()),
                    format!("must be left out: batches are of samples, and {at} has none"),
                );
            }
        }
    }

    /// What needs all of D_l to be conserved, as only linear networks without biases do.
    fn validate_linear(&self, found: &mut Findings) {
        if self.network.is_linear() {
            return;
        }
        let needs = "needs a linear network without biases, which conserves all of D_l";
        if self.flow.preserve != Preserve::None {
            found.add("flow.preserve", needs);
        }
        if let Some(index) = self.measure.iter().position(|&measure| measure == Measure::Ledger) {
            found.add(&path::item("measure", index), format!("ledger {needs}"));
        }
    }

    /// Checks that the network fits the inputs and the outputs of the data. What a file holds is known only once it is read.
    fn validate_ends(&self, found: &mut Findings) {
        let (Data::Synthetic(data), [d_in, .., d_out]) = (&self.data, self.network.widths.as_slice()) else { return };
        let at = |index| path::item("network.widths", index);
        found.require(*d_in == data.inputs.dim, &at(0), &format!("the inputs' dim, {}", data.inputs.dim), d_in);
        let last = self.network.layers();
        let outputs = data.target.outputs();
        found.require(*d_out == outputs, &at(last), &format!("the target's outputs, {outputs}"), d_out);
    }
}
