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
    /// The records of a process at which all of these columns are defined: their times and values.
    fn defined<const N: usize>(&self, process: &str, columns: [&str; N]) -> Vec<(f64, [f64; N])> {
        let columns = columns.map(|column| self.run.table.floats(process, column));
        let of_record = |index: usize| columns.each_ref().map(|column| column.get(index).copied().unwrap_or(f64::NAN));
        let records = self.run.table.floats(process, "t").into_iter().enumerate().map(|(index, t)| (t, of_record(index)));
        records.filter(|(_, values)| values.iter().all(|value| value.is_finite())).collect()
    }

    fn largest(&self, process: &str, column: &str) -> Option<f64> {
        self.defined(process, [column]).into_iter().map(|(_, [value])| value).reduce(f64::max)
    }

    fn optimizers(&self) -> impl Iterator<Item = &str> {
        self.run.table.processes().into_iter().skip(1)
    }

    fn end(&self) -> String {
        self.run.table.floats(self.flow, "t").last().map_or("its end".to_string(), |t| at(*t))
    }

    /// A time of the flow from which on something is not defined, if that is not its end.
    fn last_defined(&self, t: f64) -> String {
        let ends = self.run.table.floats(self.flow, "t").last() == Some(&t);
        if ends { at(t) } else { format!("{}, the last time at which it is defined,", at(t)) }
    }

    /// `Name goes from a to b by t = T`, T the last time at which it is defined.
    fn course(&self, name: &str, column: &str) -> Option<String> {
        let points = self.defined(self.flow, [column]);
        let (&(start, [from]), &(end, [to])) = (points.first()?, points.last()?);
        let verb = if to < from { "falls" } else { "rises" };
        let (from, to, end) = (number(from, 3), number(to, 3), at(end));
        let begins = (self.run.table.floats(self.flow, "t").first() != Some(&start)).then(|| at(start));
        if from == to {
            return Some(format!("{name} is {from} at {} and at {end}.", begins.unwrap_or("the start".to_string())));
        }
        let begins = begins.map_or(String::new(), |start| format!(" at {start}"));
        Some(format!("{name} {verb} from {from}{begins} to {to} by {end}."))
    }

    fn loss(&self) -> Vec<String> {
        let distance = |process: &str| {
            let &(t, [last]) = self.defined(process, ["distance_to_flow_relative"]).last()?;
            let is_at_end = self.run.table.floats(process, "t").last() == Some(&t);
            let when = if is_at_end { String::new() } else { format!(" at {}", at(t)) };
            Some(format!("{process} {}{when}", number(last, 2)))
        };
        let distances: Vec<String> = self.optimizers().filter_map(distance).collect();
        let mut sentences: Vec<String> = self.course(&format!("The loss of the {}", self.flow), "loss").into_iter().collect();
        if !distances.is_empty() {
            sentences.push(format!("Last distance to the flow, relative to its size: {}.", distances.join(", ")));
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
        let defined = self.defined(self.flow, ["nfa_residual_relative", "nfa_cosine"]);
        let Some(&(t, [residual, aligned])) = defined.last() else { return Vec::new() };
        let when = self.last_defined(t);
        let of = if self.run.linear { "" } else { ", the form for linear networks," };
        vec![
            format!("At {when} the cosine between W₁ᵀW₁ and the power 1/L of the AGOP is {}.", cosine(aligned)),
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
        let defined = self.defined(self.flow, ["effective_rank_product", "effective_rank_agop"]);
        let Some(&(t, ranks)) = defined.last() else { return Vec::new() };
        let ([product, agop], when) = (ranks.map(|rank| number(rank, 3)), self.last_defined(t));
        if !self.run.linear {
            return vec![format!("At {when} the effective rank of the AGOP is {agop}.")];
        }
        vec![format!("At {when} the effective rank is {product} of the product and {agop} of the AGOP.")]
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

/// `t = 0.5`
fn at(t: f64) -> String {
    format!("t = {}", number(t, 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;
    use crate::record::{Table, TableColumn, Texts, Values};

    /// A flow that dies after t = 1, beside an optimizer with three records.
    fn dying() -> Run {
        let column =
            |name: &str, values: Vec<f64>| TableColumn { name: name.to_string(), values: Values::Float(values.into()) };
        let processes = Texts::from_iter(["flow", "flow", "flow", "gd", "gd", "gd"].map(str::to_string));
        let mut columns = vec![TableColumn { name: "process".to_string(), values: Values::Text(processes) }];
        let nan = f64::NAN;
        columns.push(column("t", vec![0.0, 1.0, 2.0, 0.0, 1.0, 2.0]));
        for name in ["loss", "nfa_cosine", "nfa_residual_relative", "effective_rank_product", "effective_rank_agop"] {
            columns.push(column(name, vec![4.0, 0.5, nan, 4.0, 0.5, 0.25]));
        }
        columns.push(column("balance_gap", vec![nan, 4.0, 2.0, nan, nan, nan]));
        columns.push(column("distance_to_flow_relative", vec![nan, nan, nan, 0.0, 0.25, nan]));
        Run { table: Table { columns }, ..sample::depth(2) }
    }

    /// A number is never said to be that of a time at which there is none.
    #[test]
    fn numbers_are_those_of_their_times() {
        let run = dying();
        let says = |name: &str| findings(&run, name).join(" ");
        assert_eq!(
            says("loss"),
            "The loss of the flow falls from 4 to 0.5 by t = 1. Last distance to the flow, relative to its size: gd 0.25 at t = 1."
        );
        assert!(says("nfa").starts_with("At t = 1, the last time at which it is defined, the cosine"), "{}", says("nfa"));
        assert!(
            says("spectra-by-index").starts_with("At t = 1, the last time at which it is defined, the effective rank is 0.5")
        );
        assert_eq!(says("balance"), "The largest balance gap falls from 4 at t = 1 to 2 by t = 2.");
        assert_eq!(says("spectra"), "The effective rank of the product falls from 4 to 0.5 by t = 1.");
    }
}
