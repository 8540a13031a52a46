//! `arrays.npz`: what observables write at every record, and what a session adds once all processes have ended.

use crate::linalg::{GramPower, RightSvd};
use crate::network::Parameters;
use crate::npz::{Array, Arrays};
use crate::observe::{Group, NamedArray, Owner, Snapshot, alpha_tildes, registry};
use crate::record::{self, Recorder};

use super::process::Ended;
use super::{Plan, Problem, certificate};

/// When the arrays that a session adds are written.
const AT_THE_END: &str = "at the end, with the group nfa or agop";
const OF_A_KNOWN_TARGET: &str = "where the target is known";

const ADDED: &[NamedArray] = &[
    NamedArray::new("gram_W1", "d_0 × d_0", "θ²", "W_1ᵀW_1").written(AT_THE_END),
    NamedArray::new("agop", "d_0 × d_0", "f²/x²", "A_f, the average gradient outer product").written(AT_THE_END),
    NamedArray::new("agop", "d_0 × d_0", "f²/x²", "A_f*, the target's, as in agop_target_cosine")
        .of(Owner::Target)
        .written(OF_A_KNOWN_TARGET),
    NamedArray::new("sv_agop", "d_0", "f²/x²", "singular values of A_f*, largest first")
        .of(Owner::Target)
        .written(OF_A_KNOWN_TARGET),
    NamedArray::new("low_W{l}", "d_l × d_(l−1)", "θ", "the digits of the final W_l below float64, l = 1, …, L")
        .of(Owner::Flow)
        .written("with flow.preserve: {balance: double_double}"),
    certificate::ERRORS,
];

/// Every array that a run can write, with the group that it is recorded with; `None` for arrays that belong to no group.
pub fn declared() -> impl Iterator<Item = (Option<Group>, &'static NamedArray)> {
    registry::arrays().chain(ADDED.iter().map(|array| (None, array)))
}

/// Digits of the final weights below float64, for a flow preserved in double-double: `process/low_W1`, … beside the weights.
pub(super) fn low_parts(ended: &[Ended]) -> Arrays {
    let mut low = Arrays::new();
    for end in ended {
        let Some(extended) = &end.extended else { continue };
        let parts = Parameters::from_values(end.parameters.architecture(), extended.low().clone());
        low.extend(parts.to_arrays().into_iter().map(|(name, array)| (format!("{}/low_{name}", end.name), array)));
    }
    low
}

/// The AGOP of the target and its singular values, largest first: `target/agop` (d_0 × d_0), `target/sv_agop` (d_0). Empty where the target
/// is not known.
fn target_arrays(problem: &Problem) -> Arrays {
    let mut arrays = Arrays::new();
    if let Some((factor, svd)) =
        problem.target_agop.as_ref().and_then(|factor| Some((factor, RightSvd::new(factor.as_view()).ok()?)))
    {
        let mut values: Vec<f64> = svd.values.iter().map(|s| s * s).collect();
        values.resize(factor.ncols(), 0.0);
        arrays.insert("target/agop".to_string(), Array::matrix(GramPower::new(&svd, 1.0).matrix().as_view()));
        arrays.insert("target/sv_agop".to_string(), Array::vector(values));
    }
    arrays
}

/// The arrays recorded over time; for each process the grid of the alignment curve and, at its end, the two matrices of the ansatz; and the
/// target's AGOP, if it is known.
pub(super) fn all_arrays(plan: &Plan, recorders: Vec<Recorder>, weights: &[(String, Parameters)], problem: &Problem) -> Arrays {
    let mut all = record::arrays(recorders);
    if problem.objective.layers().is_none() {
        return all;
    }
    for (process, parameters) in weights {
        if plan.observes(Group::Alignment) {
            all.insert(format!("{process}/nfa_alpha_tilde"), Array::vector(alpha_tildes()));
        }
        if !plan.observes(Group::Nfa) && !plan.observes(Group::Agop) {
            continue;
        }
        if let Ok(end) = Snapshot::new(0.0, parameters, &*problem.objective, None) {
            let agop = end.agop().value();
            all.insert(format!("{process}/gram_W1"), Array::matrix(end.gram(1).value().as_view()));
            all.insert(format!("{process}/agop"), Array::matrix(agop.as_view()));
        }
    }
    all.extend(target_arrays(problem));
    all
}
