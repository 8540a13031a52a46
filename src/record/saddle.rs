//! A visit to a saddle, as the manifest lists it.

#[cfg(feature = "command")]
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "command")]
use super::readable::readable;

/// A process whose ‖∇J‖ was least, as near a saddle, and has grown since. With layer rates all of it is of the flow in θ_l/√κ_l.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saddle {
    /// When ‖∇J‖ was least.
    pub t: f64,
    /// How precisely that is known: the longer of the steps before and after.
    pub resolution: f64,
    /// ℒ then.
    pub loss: f64,
    /// J then.
    pub objective: f64,
    /// ‖∇J‖ then.
    pub grad_norm: f64,
    /// The critical point that Newton's method finds from there, a saddle if its least eigenvalue is below minus its tolerance; null where it finds none.
    pub point: Option<SaddlePoint>,
    /// How the process left it; null where ‖∇J‖ grew at no steady rate over two e-folds.
    pub escape: Option<Escape>,
}

impl Saddle {
    /// Whether the critical point is a saddle: it has negative curvature.
    pub fn is_saddle(&self) -> bool {
        self.point.is_some_and(|point| point.least_eigenvalue < -point.tolerance)
    }
}

/// What follows from it where saddles cannot be read.
#[cfg(feature = "command")]
pub(crate) const WITHOUT_SADDLES: &str = "pictures and captions do without saddles; to have them, run its scenario.json again";

/// The saddles that a manifest lists, by process, none of a process whose saddles were not looked for; and a sentence for each list that is not
/// one of [`Saddle`]s, as somebody has edited it or another version wrote it.
#[cfg(feature = "command")]
pub(crate) fn saddles_of(manifest: &serde_json::Value) -> (BTreeMap<String, Vec<Saddle>>, Vec<String>) {
    let processes = manifest["processes"].as_object().into_iter().flatten();
    let listed = processes.filter_map(|(name, process)| Some((name, process.get("saddles").filter(|list| !list.is_null())?)));
    readable(listed.map(|(name, saddles)| (name, format!("processes.{name}.saddles"), saddles)), WITHOUT_SADDLES)
}

/// The critical point of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SaddlePoint {
    /// Its distance from the process at the visit.
    pub distance: f64,
    /// ℒ there.
    pub loss: f64,
    /// The number of eigenvalues of ∇²J there below −`tolerance`; null if there may be more than were looked for.
    pub index: Option<usize>,
    /// The smallest eigenvalue of ∇²J there.
    pub least_eigenvalue: f64,
    /// ‖∇²J y − λy‖ of that eigenvalue λ.
    pub residual: f64,
    /// Eigenvalues nearer to 0 are not told from it: 10⁻⁶‖∇²J‖ or, if larger, twice what the last step of Newton's method to the point changed
    /// in ∇²J.
    pub tolerance: f64,
    /// ‖∇²J(θ*) − ∇²J(θ)‖ between the point θ* and the process θ at the visit: by so much eigenvalues may differ there.
    pub hessian_change: f64,
    /// The rate at which ‖∇J‖ grows in the end, on the clock of the process: −λ for the smallest eigenvalue λ, of `gd` ln(1 − lr·λ)/lr. Null where
    /// no exponential escape is predicted: −λ is at most `tolerance`, or at most `hessian_change`, so that the process is too far for it.
    pub predicted_rate: Option<f64>,
}

/// A stretch over which ‖∇J‖ grows exponentially.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Escape {
    /// The slope of ln‖∇J‖, by least squares.
    pub rate: f64,
    /// The largest distance of the slope between two of its points from that.
    pub rate_error: f64,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}
