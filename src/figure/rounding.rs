//! Eigenvalues of a positive semidefinite d × d matrix that are rounding error: at most d·ε times the largest. They are counted, not drawn.

use crate::record::Run;

use super::records::vector;

/// The fraction d·ε of the largest eigenvalue up to which those of a d × d matrix are rounding error.
pub(super) fn share(d: usize) -> f64 {
    d as f64 * f64::EPSILON
}

/// The note on `count` eigenvalues that are not drawn, if any. `of` says whose, after a space, or is empty.
pub(super) fn note(count: usize, of: &str) -> Option<String> {
    let noun = if count == 1 { "eigenvalue" } else { "eigenvalues" };
    (count > 0).then(|| format!("{count} {noun}{of} below rounding (d·ε times the largest) are not drawn."))
}

/// The eigenvalues of the target's AGOP, largest first, and how many were left out as rounding error; empty where it is not known.
pub(super) fn target_spectrum(run: &Run) -> (&[f64], usize) {
    let values = vector(run, "target", "sv_agop");
    let least = values.first().map_or(f64::NAN, |largest| share(values.len()) * largest);
    let count = values.iter().take_while(|value| **value > least).count();
    // If all eigenvalues are 0, none is small beside the rest.
    if count == 0 { (&[], 0) } else { (&values[..count], values.len() - count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::sample;
    use crate::figure::{spectra, spectra_by_index};
    use crate::npz::Array;

    #[test]
    fn a_target_of_rank_3_in_10_dimensions_has_three_guides() {
        let run = sample::rank(3, 10);
        let values = vector(&run, "target", "sv_agop");
        // Otherwise there would be nothing to leave out.
        assert!(values.len() == 10 && values[3..].iter().any(|value| *value > 0.0), "{values:?}");
        let said = "7 eigenvalues of the target's AGOP below rounding (d·ε times the largest) are not drawn.";

        let over_time = spectra::picture_of(&run).unwrap().panels;
        let guides = |panel: usize| over_time[panel].series.iter().filter(|series| series.guide).count();
        assert_eq!((guides(0), guides(1)), (3, 0));
        assert!(over_time[0].notes.iter().any(|note| note == said) && over_time[1].notes.is_empty());

        let by_index = spectra_by_index::picture_of(&run).unwrap().panels;
        let guides: Vec<_> = by_index[1].series.iter().filter(|series| series.guide).collect();
        assert!(guides.len() == 1 && guides[0].points.len() == 3);
        assert!(by_index[1].notes.iter().any(|note| note == said) && by_index[0].notes.is_empty());
    }

    #[test]
    fn what_is_rounding_is_told_by_the_largest() {
        let mut run = sample::single_record();
        let mut of = |values: &[f64]| {
            run.arrays.insert("target/sv_agop".into(), Array::vector(values.to_vec()));
            let (kept, left_out) = target_spectrum(&run);
            (kept.len(), left_out)
        };
        assert_eq!(of(&[1e6, 1e-8, 1e-10]), (2, 1));
        assert_eq!(of(&[1e-200, 1e-210, 0.0]), (2, 1));
        assert_eq!(of(&[0.0, 0.0]), (0, 0));
        assert_eq!(of(&[f64::NAN, f64::NAN]), (0, 0));
        assert_eq!(of(&[]), (0, 0));
    }
}
