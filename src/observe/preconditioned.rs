//! The sharpness that adaptive rules feel: that of the Hessian in the metric of their own step.

use super::{Column, Columns, Curvature, Group, Measure, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Sharpness,
    &[
        Column::new(
            "preconditioned_sharpness",
            "λ_max(D^½∇²J D^½), θ ← θ − η·D·m the last step of adam, adamw or rmsprop; null before the first",
            "1/θ",
            "preconditioned sharpness λ_{max}(D^{½}∇^2J D^{½})",
        )
        .by(Measure::PreconditionedSharpness),
        Column::new("lr_preconditioned_sharpness", "η_k·λ_max(D^½∇²J D^½)", "1", "η·λ_{max}(D^{½}∇^2J D^{½})")
            .by(Measure::PreconditionedSharpness),
        Column::new(
            "preconditioned_sharpness_bound",
            "the preconditioned sharpness at which η_k is at the edge of stability: 38/η_k for adam at β₁ = 0.9",
            "1/θ",
            "edge of stability of λ_{max}(D^{½}∇^2J D^{½})",
        )
        .by(Measure::PreconditionedSharpness),
    ],
);

/// Columns, undefined for rules that do not divide by an average of squares, and where nothing was measured:
/// - `preconditioned_sharpness`: λ_max(D^{1/2}∇²J D^{1/2}), D = diag of the factors of the last step θ ← θ − η·D·m, the bias corrections
///   included: 1/((1 − β₁ᵏ)(√v̂ + ε)) for Adam. For AdamW ∇²ℒ takes the place of ∇²J, as its decay is not in the gradient;
/// - `lr_preconditioned_sharpness`: η_k times it;
/// - `preconditioned_sharpness_bound`: 2(1 + β₁)/((1 − β₁)η_k) for Adam, 2(1 + β)/η_k for RMSProp of momentum β. While D hardly changes, the
///   step is that of heavy ball in the metric of D. Cohen et al., *Adaptive gradient methods at the edge of stability* (2022,
///   arXiv 2207.14484): full-batch Adam hovers there.
pub struct PreconditionedSharpness;

impl Observable for PreconditionedSharpness {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        snapshot.preconditioned.unwrap_or(Curvature::UNKNOWN).write("preconditioned_sharpness", row);
    }
}
