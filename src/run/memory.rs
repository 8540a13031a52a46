//! What a run takes of the machine's memory, estimated before anything is allocated. In numbers of 8 bytes, with n training samples, m test
//! samples, widths d_0, …, d_L, P parameters, T recorded times and k optimizers:
//!
//! - data: (n + m)(d_0 + d_L) for the samples, and 3·max(n, m)·d_0 for their decomposition; for n measurements 2n(d_0d_L + 1);
//! - objective: 5 d_0² + 2 d_0 d_L for a linear network, and n(d_0 + 3 d_L) more if some labels were not observed; 25 P + 6·min(n, 1024)·Σ
//!   d_l for others, and with `measure: [sharpness]` 4n·Σ d_l more, up to 256 MB, for products with the Hessian;
//! - observation: 7 Σ_{0 < l < L} d_l² for the imbalances D_l, and 5 d_0² for matrices of the inputs' size; 4 P² for all eigenvalues of the
//!   Hessian, if they are asked for or needed for saddles;
//! - processes: 26 P for the flow and its integrator and 8 P for each optimizer; with `measure: [sharpness]`, `hessian` or `saddles` 50 P more, up to 128 MB, for
//!   Krylov spaces, or `steps`·P for a density; with `measure: [central_flow]` 10 P for each adaptive optimizer, twice with the claim `follows-central-flow`; with `stop` 4 P more for the flow and P for each optimizer; with `measure: [sde]` P + 50 for each path of each optimizer
//!   with replacement or noise of its own, and its objective, 8 P and 3n more for those that share a thread;
//! - tangent kernel, with `measure: [ntk]`: 5 N² + 2 N Σ d_l, N = n·d_L, or d_0·d_L for a linear network;
//! - records: 10 T for times, events and a curve of a picture, and 3 T for each optimizer; of the T(1 + k)(2(30 + 14 L) + 72 + S) numbers
//!   recorded, S = Σ min(d_l, d_{l−1}) + min(d_0, L d_L) + d_0 the length of the spectra, and with `record.weights` 2T(1 + k)P more, those
//!   that stay in memory: all of them, or of each of (1 + k)(2(30 + 14 L) + L + 4) columns and arrays, 4 L more with weights, up to 2¹⁵, and
//!   2¹³ once T is larger than that ([`Spooled::SHORT`]).
//!
//! A second integration, which claims and `certify` ask for, takes the flow's share of all but the data again. The program itself takes
//! 45 MB. What a checkpoint keeps lies on disk; while it is written and read again, such a run takes up to a quarter more. All this is on one thread; each further thread of processes and observation takes an objective and what weights are observed by
//! again, and 4 P for weights that wait to be observed. There are as many as the machine's cores and its memory allow.

use std::path::Path;

use crate::claim::Claim;
use crate::data::Data;
use crate::loss::Loss;
use crate::machine::Bytes;
use crate::npz;
use crate::observe::{Measure, SdePaths};
use crate::optim::CentralFlow;
use crate::scenario::Scenario;
use crate::session::forms_hessian;
use crate::spool::Spooled;

/// An estimate of the memory that a run takes, in bytes: usually within a factor of 1.5 of the peak, where that is above 100 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The samples, and matrices formed from them.
    pub data: u64,
    /// Working memory of gradients and products with the Hessian.
    pub objective: u64,
    /// Matrices by which the weights are observed.
    pub observation: u64,
    /// States, stages and moments of the flow and the optimizers.
    pub processes: u64,
    /// The tangent kernel and what it is formed from.
    pub kernel: u64,
    /// The records.
    pub records: u64,
    /// What each further thread takes of processes and observation. A run does without where memory is short, so that no total has it.
    pub further_thread: u64,
}

/// A run that needs more memory than it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "needs about {} of memory, {} of it for {}, but only {} may be used: {}, or allow more with --max-memory",
    Bytes(*needed), Bytes(*share), part.what(), Bytes(*limit), part.remedy()
)]
pub struct MemoryError {
    /// Bytes that it needs.
    pub needed: u64,
    /// Bytes that it may take.
    pub limit: u64,
    /// The part that takes the most.
    pub part: Part,
    /// Bytes that this part takes.
    pub share: u64,
}

/// A part of [`Memory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// [`Memory::data`].
    Data,
    /// [`Memory::objective`].
    Objective,
    /// [`Memory::observation`].
    Observation,
    /// [`Memory::processes`].
    Processes,
    /// [`Memory::kernel`].
    Kernel,
    /// [`Memory::records`].
    Records,
}

impl Part {
    fn what(self) -> &'static str {
        match self {
            Self::Data => "the samples",
            Self::Objective => "gradients",
            Self::Observation => "square matrices of the layers' widths",
            Self::Processes => "copies of the weights",
            Self::Kernel => "the tangent kernel",
            Self::Records => "the records",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Data => "take fewer samples",
            Self::Objective => "take fewer samples or narrower layers",
            Self::Observation => "take narrower layers",
            Self::Processes => "take fewer parameters, optimizers or paths of sde",
            Self::Kernel => "take fewer samples or outputs, or leave ntk out of measure",
            Self::Records => "record fewer times",
        }
    }

    /// The key of the scenario that causes it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Objective | Self::Observation | Self::Processes => "network.widths",
            Self::Kernel => "measure",
            Self::Records => "record",
        }
    }
}

impl Memory {
    /// The estimate for a scenario. Only the headers of a data file are read; a file that cannot be read counts nothing, and is reported
    /// when its samples are read.
    pub fn of(scenario: &Scenario) -> Self {
        let widths: Vec<u64> = scenario.network.widths.iter().map(|&width| width as u64).collect();
        let (inputs, outputs) = (widths.first().copied().unwrap_or(0), widths.last().copied().unwrap_or(0));
        let depth = scenario.network.layers() as u64;
        let parameters = scenario.network.parameters();
        let (samples, tests, masked) = match &scenario.data {
            Data::Synthetic(data) => (data.inputs.samples.count().unwrap_or(0) as u64, data.test as u64, false),
            Data::File(file) => (rows_of(&file.path, "X"), rows_of(&file.path, "X_test"), rows_of(&file.path, "M") > 0),
            Data::Sensing(file) => (rows_of(&file.path, "A"), 0, false),
            Data::Moments(_) => (0, 0, false),
        };
        let linear = scenario.network.is_linear() && scenario.loss == Loss::Mse;
        let central = scenario.measure.contains(&Measure::CentralFlow);
        let hessian = scenario.measure.iter().find_map(|measure| match measure {
            Measure::Hessian(asked) => Some(asked),
            _ => None,
        });
        let asks = |measure| scenario.measure.contains(&measure);
        let sharpness = central || hessian.is_some() || asks(Measure::Sharpness) || asks(Measure::Saddles);
        let twice = if scenario.is_certified() { 2 } else { 1 };
        let total: u64 = widths.iter().sum();

        let data = match &scenario.data {
            Data::Sensing(_) => product([2, samples, inputs.saturating_mul(outputs).saturating_add(1)]),
            _ => sum([product([samples.saturating_add(tests), inputs + outputs]), product([3, samples.max(tests), inputs])]),
        };

        let objective = if linear {
            let observed = if masked { product([samples, inputs + 3 * outputs]) } else { 0 };
            sum([product([5, inputs, inputs]), product([2, inputs, outputs]), observed])
        } else {
            let tangent = if sharpness { product([if central { 6 } else { 4 }, samples, total]).min(256 << 17) } else { 0 };
            sum([product([25, parameters]), product([6, samples.min(1024), total]), tangent])
        };
        let hidden = widths.get(1..widths.len().saturating_sub(1)).unwrap_or_default();
        let squares = hidden.iter().map(|&width| product([width, width])).fold(0, u64::saturating_add);
        let all = hessian.is_some_and(|asked| asked.all) || (asks(Measure::Saddles) && forms_hessian(parameters));
        let formed = if all { product([4, parameters, parameters]) } else { 0 };
        let observation = sum([product([7, squares]), product([5, inputs, inputs]), formed]);

        let optimizers = scenario.optimizers.len() as u64;
        // The states between which the flow's stop is located, and gradients.
        let stops = if scenario.stop.is_some() { 4 + optimizers } else { 0 };
        let krylov = if sharpness { product([50, parameters]).min(128 << 17) } else { 0 };
        let steps = hessian.and_then(|asked| asked.density).map_or(0, |density| density.steps as u64);
        let krylov = krylov.max(product([steps, parameters]));
        // Models of optimizers whose errors claims ask for are integrated once more.
        let finer = Claim::models(&scenario.claims).len() as u64;
        let paths = SdePaths::among(&scenario.measure).map(|asked| asked.paths as u64);
        let drawn = scenario
            .optimizers
            .iter()
            .filter(|optimizer| optimizer.noise().is_some() || optimizer.batching().is_some_and(|batches| batches.replacement));
        let of_paths = paths.map_or(0, |paths| {
            let each = sum([product([paths, parameters + 50]), objective, product([8, parameters]), product([3, samples])]);
            product([drawn.count() as u64, each])
        });
        let adaptive = scenario.optimizers.iter().filter(|optimizer| optimizer.preconditioned_bound().is_some()).count() as u64;
        // Central flows of adaptive rules keep the steps that they begin with, and so do finer ones.
        let beginning = match (central, scenario.claims.contains(&Claim::FollowsCentralFlow)) {
            (false, _) => 0,
            (true, is_claimed) => CentralFlow::OPENING as u64 * adaptive * if is_claimed { 2 } else { 1 },
        };
        let states = 26 * twice + (8 + 26 * finer) * optimizers + stops + beginning;
        let processes = sum([product([states, parameters]), krylov, of_paths]);

        let kernel = if scenario.measure.contains(&Measure::Ntk) {
            let rows = scenario.kernel_rows(samples);
            sum([product([5, rows, rows]), product([2, rows, total])])
        } else {
            0
        };

        let times = scenario.record.count() as u64;
        let spectra = widths.windows(2).map(|pair| pair[0].min(pair[1])).sum::<u64>() + inputs.min(depth * outputs) + inputs;
        let runs = twice + optimizers;
        let (scalars, weights) = (2 * (30 + 14 * depth), scenario.record.weights);
        let numbers = scalars + 72 + spectra;
        let kept = if weights { product([2, times, 1 + optimizers, parameters]) } else { 0 };
        let recorded = sum([product([times, runs, numbers]), kept]);
        let vectors = scalars + depth + 4 + if weights { 4 * depth } else { 0 };
        let short = Spooled::<f64>::SHORT as u64;
        let in_memory = product([runs, vectors, if times < short { short } else { short / 4 }]);
        let records = sum([product([times, 10 + 3 * optimizers]), recorded.min(in_memory)]);

        let bytes = |numbers: u64| numbers.saturating_mul(8);
        Self {
            data: bytes(data),
            objective: bytes(objective.saturating_mul(twice)),
            observation: bytes(observation.saturating_mul(twice)),
            processes: bytes(processes),
            kernel: bytes(kernel.saturating_mul(twice)),
            records: bytes(records),
            further_thread: bytes(sum([objective, observation, product([4, parameters])])),
        }
    }

    /// The most threads that a run may take within `limit` bytes: 1 at least, and no more than `most`.
    pub fn threads_within(&self, limit: u64, most: usize) -> usize {
        let further = limit.saturating_sub(self.total()) / self.further_thread.max(1);
        most.min(usize::try_from(further).unwrap_or(usize::MAX).saturating_add(1)).max(1)
    }

    /// All parts together.
    pub fn total(&self) -> u64 {
        /// The program itself, and the canvas of its pictures.
        const PROGRAM: u64 = 45_000_000;
        self.parts().iter().fold(PROGRAM, |total, (_, bytes)| total.saturating_add(*bytes))
    }

    /// Checks the total against `limit` bytes.
    ///
    /// # Errors
    /// [`MemoryError`] if the total exceeds `limit`; it names the largest part.
    pub fn check(&self, limit: u64) -> Result<(), MemoryError> {
        let needed = self.total();
        let (part, share) = self.parts().into_iter().max_by_key(|(_, bytes)| *bytes).unwrap_or((Part::Data, 0));
        if needed <= limit { Ok(()) } else { Err(MemoryError { needed, limit, part, share }) }
    }

    fn parts(&self) -> [(Part, u64); 6] {
        [
            (Part::Data, self.data),
            (Part::Objective, self.objective),
            (Part::Observation, self.observation),
            (Part::Processes, self.processes),
            (Part::Kernel, self.kernel),
            (Part::Records, self.records),
        ]
    }
}

fn product<const N: usize>(factors: [u64; N]) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

fn sum<const N: usize>(terms: [u64; N]) -> u64 {
    terms.into_iter().fold(0, u64::saturating_add)
}

/// n, the rows of an array; 0 where there is none.
fn rows_of(path: &Path, array: &str) -> u64 {
    let shapes = npz::shapes(path, |name| name == array).unwrap_or_default();
    shapes.get(array).and_then(|shape| shape.first()).map_or(0, |&rows| rows as u64)
}

#[cfg(test)]
mod tests;
