//! What each picture of a run shows, in numbers from the records: the first sentence is its title, all of them its caption in a report.

use crate::record::{Run, Saddle};

use super::number::{cosine, number};

/// What the picture `name` shows, sentence by sentence; empty where the records do not say, or where no picture of a run has that name.
pub fn findings(run: &Run, name: &str) -> Vec<String> {
    let flow = run.table.processes().first().copied().unwrap_or("flow");
    let found = Found { run, flow };
    match name {
        "loss" => found.loss(),
        "balance" => found.balance(),
        "ledger" => found.ledger(),
        "nfa" => found.ansatz(),
        "alignment" => found.peak(),
        "spectra" => found.spectra(),
        "spectra-by-index" => found.ranks(),
        "sharpness" => found.sharpness(),
        _ => Vec::new(),
    }
}

/// The title of a picture of what is called `name`: the first of its findings as it reads after a colon, or `subject` where there is none.
pub(super) fn title(name: &str, findings: &[String], subject: &str) -> String {
    let mut letters = findings.first().map_or(subject, |sentence| sentence.trim_end_matches('.')).chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    format!("{name}: {}", first.chain(letters).collect::<String>())
}

/// What the records of a run say.
struct Found<'r> {
    run: &'r Run,
    /// The first process, with which the others are compared.
    flow: &'r str,
}

impl Found<'_> {
    /// The finite values of a column.
    fn defined(&self, process: &str, column: &str) -> Vec<f64> {
        self.run.table.floats(process, column).into_iter().filter(|value| value.is_finite()).collect()
    }

    fn ends(&self, process: &str, column: &str) -> Option<(f64, f64)> {
        let values = self.defined(process, column);
        Some((*values.first()?, *values.last()?))
    }

    fn largest(&self, process: &str, column: &str) -> Option<f64> {
        self.defined(process, column).into_iter().reduce(f64::max)
    }

    fn optimizers(&self) -> impl Iterator<Item = &str> {
        self.run.table.processes().into_iter().skip(1)
    }

    fn end(&self) -> String {
        self.run.table.floats(self.flow, "t").last().map_or("its end".to_string(), |t| format!("t = {}", number(*t, 6)))
    }

    /// `Name goes from a to b by t = T.`
    fn course(&self, name: &str, column: &str) -> Option<String> {
        let (from, to) = self.ends(self.flow, column)?;
        let verb = if to < from { "falls" } else { "rises" };
        let (from, to) = (number(from, 3), number(to, 3));
        if from == to {
            return Some(format!("{name} is {from} at the start and at {}.", self.end()));
        }
        Some(format!("{name} {verb} from {from} to {to} by {}.", self.end()))
    }

    fn loss(&self) -> Vec<String> {
        let distance = |process: &str| {
            let (_, last) = self.ends(process, "distance_to_flow_relative")?;
            Some(format!("{process} {}", number(last, 2)))
        };
        let distances: Vec<String> = self.optimizers().filter_map(distance).collect();
        let mut sentences: Vec<String> = self.course(&format!("The loss of the {}", self.flow), "loss").into_iter().collect();
        if !distances.is_empty() {
            sentences.push(format!("Distance to the flow at the last record, relative to its size: {}.", distances.join(", ")));
        }
        sentences.extend(self.run.table.processes().into_iter().filter_map(|process| self.saddles(process)));
        sentences
    }

    /// `Saddles passed by flow: index 4 at t = 3.1, index 2 at t = 9.`
    fn saddles(&self, process: &str) -> Option<String> {
        let told = |visit: &Saddle| {
            let index = visit.point.and_then(|point| point.index).map_or("unknown index".to_string(), |i| format!("index {i}"));
            format!("{index} at t = {}", number(visit.t, 3))
        };
        let found: Vec<String> = self.run.saddles.get(process)?.iter().filter(|visit| visit.is_saddle()).map(told).collect();
        (!found.is_empty()).then(|| format!("Saddles passed by {process}: {}.", found.join(", ")))
    }

    fn balance(&self) -> Vec<String> {
        let mut sentences: Vec<String> = self.course("The largest balance gap", "balance_gap").into_iter().collect();
        let strays = |process: &str| {
            let most = self.largest(process, "balance_law_residual_relative")?;
            Some(format!("{process} {}", number(most, 2)))
        };
        let strays: Vec<String> = self.run.table.processes().into_iter().filter_map(strays).collect();
        if !strays.is_empty() {
            sentences
                .push(format!("Largest distance from the exact law, relative to the gap at the start: {}.", strays.join(", ")));
        }
        sentences
    }

    fn ledger(&self) -> Vec<String> {
        let created = |process: &str| {
            let most = self.largest(process, "step_imbalance")?;
            let law = self
                .largest(process, "ledger_residual")
                .map(|residual| format!("They obey the law of discrete steps to {}.", number(residual, 2)));
            Some([format!("The steps of {process} create an imbalance of up to {}.", number(most, 3))].into_iter().chain(law))
        };
        self.optimizers().filter_map(created).flatten().collect()
    }

    fn ansatz(&self) -> Vec<String> {
        let last = |column| self.ends(self.flow, column).map(|(_, last)| last);
        let (Some(residual), Some(aligned)) = (last("nfa_residual_relative"), last("nfa_cosine")) else { return Vec::new() };
        let of = if self.run.linear { "" } else { ", the form for linear networks," };
        vec![
            format!("At {} the cosine between W₁ᵀW₁ and the power 1/L of the AGOP is {}.", self.end(), cosine(aligned)),
            format!("The ansatz A_f = (W₁ᵀW₁)^L{of} is off by {} of its size in the {}.", number(residual, 3), self.flow),
        ]
    }

    fn peak(&self) -> Vec<String> {
        let peak = self.run.table.floats(self.flow, "nfa_peak").last().copied().filter(|peak| peak.is_finite());
        vec![match peak {
            Some(peak) => {
                let predicts =
                    if self.run.linear { "the ansatz predicts 1" } else { "for linear networks the ansatz predicts 1" };
                format!("At {} W₁ᵀW₁ is aligned best at α̃ = {}; {predicts}.", self.end(), number(peak, 4))
            }
            None => format!("At {} the cosine has no peak within ¼ ≤ α̃ ≤ 3.", self.end()),
        }]
    }

    fn spectra(&self) -> Vec<String> {
        let of = if self.run.linear { "the product" } else { "the square root of the AGOP" };
        self.course(&format!("The effective rank of {of}"), "effective_rank_product").into_iter().collect()
    }

    fn ranks(&self) -> Vec<String> {
        let last = |column| self.ends(self.flow, column).map(|(_, last)| number(last, 3));
        let (Some(product), Some(agop)) = (last("effective_rank_product"), last("effective_rank_agop")) else {
            return Vec::new();
        };
        if !self.run.linear {
            return vec![format!("At {} the effective rank of the AGOP is {agop}.", self.end())];
        }
        vec![format!("At {} the effective rank is {product} of the product and {agop} of the AGOP.", self.end())]
    }

    fn sharpness(&self) -> Vec<String> {
        let share = |process: &str| {
            let sharpness = self.run.table.floats(process, "sharpness").into_iter();
            let shares = sharpness.zip(self.run.table.floats(process, "sharpness_bound")).map(|(value, edge)| value / edge);
            let most = shares.filter(|share| share.is_finite()).reduce(f64::max)?;
            Some(format!("The sharpness of {process} reaches {} % of its edge of stability.", number(100.0 * most, 3)))
        };
        self.optimizers().filter_map(share).collect()
    }
}
