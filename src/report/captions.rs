//! Captions of pictures: what each found, and what its panels show.

use crate::figure::{findings, rate_study_findings, study_findings};
use crate::folder::{RateStudy, Study};
use crate::record::Run;

/// The caption of the picture `name`; just its name if it is not a picture of a run.
pub(super) fn of_run(run: &Run, name: &str) -> String {
    let panels = match name {
        "loss" if run.saddles.values().any(|visits| !visits.is_empty()) => {
            "(a) The loss ℒ as solid lines, the objective J dashed, and visits to saddles at the upper edge with their index; (b) the \
             distance of the optimizers to the flow."
        }
        "loss" => "(a) The loss ℒ as solid lines, the objective J dashed; (b) the distance of the optimizers to the flow.",
        "balance" => "(a) The balance gap of each pair of layers with its law; (b) the residual of the law.",
        "ledger" => "(a) The imbalance that steps create, and the total; (b) the residual of the law of discrete steps.",
        "nfa" => "(a) The residual of the ansatz; (b) the cosine; (c) the sine of the same angle.",
        "alignment" => "(a) The cosine of W₁ᵀW₁ and A_f^(α̃/L) against α̃; (b) its distance from 1.",
        "spectra" if run.linear => {
            "Singular values over time, (a) of the first layer, (b) of the product, one curve for each mode."
        }
        "spectra" => {
            "Singular values over time, (a) of the first layer, (b) of the square root of the AGOP, one curve for each mode."
        }
        "spectra-by-index" if !run.linear => "Spectra at the last record by index, (a) of the layers, (b) of the AGOP.",
        "spectra-by-index" => {
            "Singular values at the last record by their index, (a) of the layers, (b) of the product and of the AGOP."
        }
        "density" => {
            "The density of the eigenvalues of the Hessian at the start and at the last record of each process, with its error."
        }
        "sharpness" => "(a) The sharpness λ_max with the edge of stability; (b) its share of the edge.",
        _ => return format!("The picture {name}."),
    };
    joined(&findings(run, name), panels)
}

/// The same for a study of integrators.
pub(super) fn of_study(study: &Study, name: &str) -> String {
    let panels = match name {
        "work_precision" => "Gradients (a) and wall time (b) against the achieved error, one curve for each method.",
        "tolerance" => "The achieved error against the tolerance.",
        _ => return format!("The picture {name}."),
    };
    joined(&study_findings(study, name), panels)
}

/// The same for a study of learning rates.
pub(super) fn of_rate_study(study: &RateStudy, name: &str) -> String {
    let panels = match name {
        "distance" => "Distances against the learning rate, at the end as solid lines, the largest on the way dashed.",
        "companions" => "Distances to the flows that the optimizers follow more closely, against the learning rate.",
        "weak" => {
            "Weak errors of the stochastic differential equations against the learning rate, of E J as solid lines, of E‖θ‖² dashed."
        }
        "alignment" => "The cosine (a) and the sine (b) of the angle at the end, against the learning rate.",
        "cost" => "Gradients (a) and wall time (b) until the loss is reached, against the learning rate.",
        _ => return format!("The picture {name}."),
    };
    joined(&rate_study_findings(study, name), panels)
}

fn joined(found: &[String], panels: &str) -> String {
    found.iter().map(String::as_str).chain([panels]).collect::<Vec<_>>().join(" ")
}
