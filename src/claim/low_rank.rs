//! `low-rank`: at the end of the flow the singular values of W₁ drop after the rank r of the target's AGOP, and its r leading right
//! singular vectors V span the range of that AGOP, with basis U. The values are σ_{r+1}/σ_r, and the sine of the largest principal angle
//! between the two spaces, ‖(I − VVᵀ)U‖₂ (Björck & Golub 1973).

use nalgebra::{DMatrix, DMatrixView};

use crate::linalg::{Svd, singular_values};
use crate::npz::Array;

use super::{Condition, Finding, Measured, Missing, Records};

/// An order of magnitude between the target's last direction and the next.
const DROP: f64 = 0.1;
/// The sine of six degrees: at most 0.01 of the squared length of each target direction lies outside the span of V.
const ANGLE: f64 = 0.1;
/// Eigenvalues of the target's AGOP below this share of the largest count as zero: slopes below a thousandth of the largest.
const RANK: f64 = 1e-6;

pub(super) fn measure(records: &Records) -> Finding {
    let missing = |what: &str| format!("{what} is not among the records");
    let target = records.target_agop().and_then(square).ok_or_else(|| missing("the target's AGOP"))?;
    let gram = records.array("gram_W1").and_then(square).ok_or_else(|| missing("W₁ᵀW₁ at the end"))?;
    let spectrum = records.array("sv_W1").filter(|sv| sv.rows() > 0).ok_or_else(|| missing("the spectrum of W₁"))?;
    let spectrum = spectrum.row(spectrum.rows() - 1);
    let decomposed = |m: &DMatrix<f64>| Svd::new(m.as_view()).map_err(|error| error.to_string());
    let (target, gram) = (decomposed(&target)?, decomposed(&gram)?);

    let rank = target.values.iter().filter(|&&value| value > RANK * target.values[0]).count();
    let dim = target.values.len();
    if rank == 0 || rank == dim || rank > spectrum.len() {
        return Err(Missing::Undefined(format!(
            "the target varies along {rank} of {dim} directions, but W₁ has {} singular values",
            spectrum.len()
        )));
    }
    // A layer of r neurons has no σ_{r+1}.
    let drop = spectrum.get(rank).map_or(0.0, |next| next / spectrum[rank - 1]);
    let (theirs, ours) = (target.u.columns(0, rank), gram.u.columns(0, rank));
    let outside = theirs - ours * (ours.transpose() * theirs);
    let angle = singular_values(outside.as_view()).map_err(|error| error.to_string())?[0];
    let off = records.off_the_law();
    let conditions = vec![
        Condition::at_most("σ_(r+1)/σ_r of W₁ at the end", drop, DROP).law_error(off),
        Condition::at_most("sine of the largest angle to the target's directions", angle, ANGLE).law_error(off),
    ];
    let remark = format!("r = {rank}, and the largest principal angle is {:.2}°", angle.min(1.0).asin().to_degrees());
    Ok(Measured { conditions, details: vec![("rank", rank as f64)], remark })
}

/// An n × n array as a matrix; arrays are stored row by row.
fn square(array: &Array) -> Option<DMatrix<f64>> {
    match array.shape[..] {
        [rows, columns] if rows == columns && rows > 0 => Some(DMatrixView::from_slice(&array.data, columns, rows).transpose()),
        _ => None,
    }
}
