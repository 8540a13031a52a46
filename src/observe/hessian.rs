//! Both ends of the spectrum of the Hessian ∇²J(θ), decay included: where it is stiff, and in how many directions it is not a minimum.
//!
//! With layer rates, K = diag(κ_l), it is that of K^{1/2}∇²J K^{1/2}: minus the spectrum of the flow's Jacobian −K∇²J.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::linalg::{Density, Eigenvalue, Extremes, all_eigenvalues, extreme_eigenvalues};
use crate::network::LayerRates;
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::{Column, Columns, Group, Measure, NamedArray, Observable, Row, Snapshot, SpectralDensity, SpectralDensityError};

const BY: Measure = Measure::Hessian(HessianSpectrum::USUAL);

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Hessian,
    &[
        Column::new("hessian_min", "λ_min(∇²J)", "ℒ/θ²", "λ_{min}(∇^2J)").by(BY),
        Column::new(
            "hessian_index",
            "number of eigenvalues of ∇²J below −10⁻⁶‖∇²J‖; null if all that were looked for are",
            "1",
            "index of ∇^2J",
        )
        .by(BY),
        Column::new(
            "hessian_residual",
            "largest ‖∇²J y − θy‖/‖∇²J‖ of the recorded eigenvalues θ; null where one may have been missed",
            "1",
            "residual of the eigenvalues of ∇^2J",
        )
        .by(BY),
    ],
)
.arrays(&[
    NamedArray::new(
        "hessian_top",
        "T × k",
        "ℒ/θ²",
        "the k largest eigenvalues of ∇²J, largest first; measure: [{hessian: {top: k}}]",
    )
    .labelled("largest eigenvalues of ∇^2J"),
    NamedArray::new(
        "hessian_bottom",
        "T × k",
        "ℒ/θ²",
        "the k smallest eigenvalues of ∇²J, smallest first; measure: [{hessian: {top: k}}]",
    )
    .labelled("smallest eigenvalues of ∇^2J"),
    NamedArray::new(
        "hessian_spectrum",
        "T × P",
        "ℒ/θ²",
        "all eigenvalues of ∇²J, smallest first; measure: [{hessian: {top: k, all: true}}]",
    )
    .labelled("eigenvalues of ∇^2J"),
    NamedArray::new(
        "hessian_density_at",
        "T × (2r + 33)",
        "ℒ/θ²",
        "x of hessian_density: the spectrum of ∇²J and 8σ beyond, σ/2 apart; measure: [{hessian: {top: k, density: {resolution: r}}}]",
    ),
    NamedArray::new(
        "hessian_density",
        "T × (2r + 33)",
        "θ²/ℒ",
        "the density of the eigenvalues of ∇²J at x, (1/P) Σ_i N(x; λ_i, σ²), with σ = 1/r of their range: its mean over random vectors",
    )
    .labelled("density of eigenvalues of ∇^2J"),
    NamedArray::new("hessian_density_error", "T × (2r + 33)", "θ²/ℒ", "the standard error of hessian_density"),
]);

/// Eigenvalues below minus this share of ‖∇²J‖ count as negative: the accuracy to which those of large Hessians are found.
const NEGATIVE: f64 = 1e-6;

/// How many eigenvalues are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HessianSpectrum {
    /// k: as many of the largest and as many of the smallest eigenvalues, from 1 to 64.
    pub top: usize,
    /// Whether all eigenvalues are recorded, too, of networks with up to 3,000 parameters P: P products with the Hessian and some 10 P³
    /// operations at every record.
    #[serde(default)]
    pub all: bool,
    /// The density of all eigenvalues, smoothed by a Gaussian and with its standard error, by `probes`·`steps` products with the Hessian at every record.
    /// `steps` vectors of all parameters must fit in 256 MiB. `{}` takes the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<SpectralDensity>,
}

/// A Hessian that cannot be measured as is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HessianError {
    /// A number is out of range.
    #[error("hessian: `{key}` must be between {least} and {most}, got {value}")]
    Range {
        /// Its key.
        key: &'static str,
        /// As given.
        value: usize,
        /// The least that is allowed.
        least: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// P is too large.
    #[error(
        "hessian takes `all` eigenvalues of up to 3,000 parameters, and there are {0}: leave out `all`, which records the ends of the spectrum"
    )]
    Parameters(u64),
    /// The density cannot be estimated.
    #[error("hessian: {0}")]
    Density(#[from] SpectralDensityError),
}

impl HessianSpectrum {
    /// What examples and messages name.
    pub const USUAL: Self = Self { top: 4, all: false, density: None };

    /// The largest k.
    const MOST: usize = 64;

    /// The numbers that are asked for by their keys, each with its range.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (&'static str, usize, RangeInclusive<usize>)> {
        [("top", self.top, 1..=Self::MOST)].into_iter().chain(self.density.iter().flat_map(SpectralDensity::ranges))
    }

    /// Checks that it can be measured of a network with so many parameters.
    ///
    /// # Errors
    /// [`HessianError`] for a number out of range, for all eigenvalues of more than 3,000 parameters, and for a density whose vectors do not fit.
    pub fn check(&self, parameters: u64) -> Result<(), HessianError> {
        const MOST: u64 = 3000;
        if let Some((key, value, range)) = self.ranges().find(|(_, value, range)| !range.contains(value)) {
            return Err(HessianError::Range { key, value, least: *range.start(), most: *range.end() });
        }
        match self {
            Self { all: true, .. } if parameters > MOST => Err(HessianError::Parameters(parameters)),
            Self { density: Some(density), .. } => Ok(density.check(parameters)?),
            _ => Ok(()),
        }
    }
}

/// Columns and arrays, undefined where products with the Hessian overflow:
/// - `hessian_min`: λ_min;
/// - `hessian_index`: the number of negative eigenvalues, the index of a saddle; undefined if all k smallest are negative;
/// - `hessian_residual`: the largest residual over ‖∇²J‖, an upper bound on the relative error of the eigenvalues; undefined where a search
///   ended at its limit of products, so that an eigenvalue may have been missed;
/// - `hessian_top`, `hessian_bottom`: the k largest and the k smallest eigenvalues; all P of them if there are no more;
/// - `hessian_spectrum`: all eigenvalues, if asked for;
/// - `hessian_density_at`, `hessian_density`, `hessian_density_error`: the density of all eigenvalues, if asked for.
///
/// Up to 200 parameters the Hessian is formed; beyond that its ends are searched for from new random vectors at every record
/// ([`extreme_eigenvalues`]).
pub struct HessianEnds {
    asked: HessianSpectrum,
    rates: LayerRates,
}

impl HessianEnds {
    /// Records what is `asked` for of layers with these rates.
    pub fn new(asked: HessianSpectrum, rates: LayerRates) -> Self {
        Self { asked, rates }
    }

    /// K^{1/2}∇²J K^{1/2}v.
    fn product(&self, snapshot: &Snapshot, v: &DVector<f64>, out: &mut DVector<f64>) {
        let net = snapshot.parameters.architecture();
        let mut v = Cow::Borrowed(v);
        if !self.rates.are_one() {
            self.rates.multiply_root(net, v.to_mut());
        }
        snapshot.objective.hessian_vector(snapshot.parameters.values(), &v, out);
        self.rates.multiply_root(net, out);
    }
}

impl Observable for HessianEnds {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let HessianSpectrum { top, all, density } = self.asked;
        let n = snapshot.parameters.values().len();
        let product = |v: &DVector<f64>, out: &mut DVector<f64>| self.product(snapshot, v, out);
        let spectrum = all.then(|| all_eigenvalues(n, product)).flatten();
        let found = match &spectrum {
            Some(values) => Some(Extremes::of_all(values, top)),
            None if all => None,
            // A start of its own for every time: what one misses, the next does not.
            None => {
                let mut rng = stream(snapshot.t.to_bits(), Purpose::Hessian);
                extreme_eigenvalues(n, top, || gaussian_matrix(n, 1, &mut rng).column(0).into_owned(), product)
            }
        };
        let index = found.as_ref().and_then(|found| index(found, spectrum.as_ref()));
        row.float("hessian_min", found.as_ref().and_then(|found| found.smallest.first()).map_or(f64::NAN, |least| least.value));
        row.float("hessian_index", index.map_or(f64::NAN, |index| index as f64));
        row.float("hessian_residual", found.as_ref().filter(|found| found.complete).map_or(f64::NAN, residual));
        let values = |known: &[Eigenvalue]| known.iter().map(|known| known.value).collect();
        row.vector("hessian_top", found.as_ref().map_or_else(Vec::new, |found| values(&found.largest)));
        row.vector("hessian_bottom", found.as_ref().map_or_else(Vec::new, |found| values(&found.smallest)));
        if all {
            row.vector("hessian_spectrum", spectrum.map_or_else(Vec::new, |values| values.as_slice().to_vec()));
        }
        if let Some(quadrature) = density.map(SpectralDensity::quadrature) {
            // The same vectors at every record: the density changes only as the Hessian does.
            let mut rng = stream(0, Purpose::SpectralDensity);
            let found = quadrature.density(n, || gaussian_matrix(n, 1, &mut rng).column(0).into_owned(), product);
            let unknown = || vec![f64::NAN; quadrature.points()];
            let Density { grid, mean, error, .. } =
                found.unwrap_or_else(|| Density { grid: unknown(), mean: unknown(), error: unknown(), products: 0 });
            row.vector("hessian_density_at", grid);
            row.vector("hessian_density", mean);
            row.vector("hessian_density_error", error);
        }
    }
}

/// The number of negative eigenvalues, if it is known: from all of them, or from the smallest ones if not all of these are negative.
fn index(found: &Extremes, all: Option<&DVector<f64>>) -> Option<usize> {
    let is_negative = |value: f64| value < -NEGATIVE * found.size;
    if let Some(all) = all {
        return Some(all.iter().filter(|value| is_negative(**value)).count());
    }
    let known = found.complete && found.smallest.last().is_some_and(|last| !is_negative(last.value));
    known.then(|| found.smallest.iter().filter(|known| is_negative(known.value)).count())
}

/// The largest residual over ‖A‖; 0 for A = 0.
fn residual(found: &Extremes) -> f64 {
    let largest = found.largest.iter().chain(&found.smallest).fold(0.0_f64, |largest, known| largest.max(known.residual));
    if found.size > 0.0 { largest / found.size } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::linalg::{Svd, singular_values};
    use crate::network::{Architecture, Parameters};
    use crate::objective::{LinearObjective, Objective};
    use crate::observe::Scalar;
    use crate::observe::testing::{row, with_snapshot};
    use nalgebra::DMatrix;

    /// All parameters of a small network: the row has the eigenvalues of the Hessian that products with unit vectors give, K^{1/2} on both sides.
    #[test]
    fn the_row_has_the_eigenvalues_of_the_hessian() {
        let net = Architecture::new(&[3, 4, 2]);
        let n = net.parameter_count();
        let theta = gaussian_matrix(n, 1, &mut stream(5, Purpose::Init)).column(0).into_owned();
        for rates in [LayerRates::default(), LayerRates::from(vec![1.0, 3.0])] {
            let parameters = Parameters::from_values(&net, theta.clone());
            let root = |v: &DVector<f64>| {
                let mut v = v.clone();
                rates.multiply_root(&net, &mut v);
                v
            };
            let mut hessian = DMatrix::zeros(n, n);
            with_snapshot(&parameters, 0.5, |snapshot| {
                for j in 0..n {
                    let unit = DVector::from_fn(n, |i, _| f64::from(u8::from(i == j)));
                    let mut out = DVector::zeros(n);
                    snapshot.objective.hessian_vector(&theta, &root(&unit), &mut out);
                    hessian.set_column(j, &root(&out));
                }
            });
            let mut values: Vec<f64> = hessian.symmetric_eigenvalues().iter().copied().collect();
            values.sort_by(f64::total_cmp);
            let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
            let negative = values.iter().filter(|value| **value < -1e-6 * size).count();
            let row = row(
                &HessianEnds::new(HessianSpectrum { top: n - 1, all: true, density: None }, rates.clone()),
                &parameters,
                0.5,
            );
            let scalar = |name: &str| row.scalars.iter().find(|(known, _)| known == name).unwrap().1;
            assert_eq!(scalar("hessian_index"), Scalar::Float(negative as f64));
            assert!(negative > 0, "a point of negative curvature is a stronger test");
            let vector = |name: &str| row.vectors.iter().find(|(known, _)| known == name).unwrap().1.clone();
            let close = |found: Vec<f64>, right: Vec<f64>| {
                assert_eq!(found.len(), right.len());
                assert!(found.iter().zip(&right).all(|(a, b)| (a - b).abs() <= 1e-12 * size), "{found:?} {right:?}");
            };
            close(vector("hessian_spectrum"), values.clone());
            close(vector("hessian_bottom"), values[..n - 1].to_vec());
            close(vector("hessian_top"), values.iter().rev().take(n - 1).copied().collect());
        }
    }

    /// At θ = 0 of two layers ∇²J is λI plus the bilinear form of W_2M W_1: every singular value of M is there h times, with both signs.
    #[test]
    fn a_saddle_has_each_eigenvalue_as_often_as_there_are_hidden_units() {
        let (net, decay, count) = (Architecture::new(&[9, 15, 7]), 0.01, 20);
        let mut rng = stream(4, Purpose::Target);
        let data = Dataset { x: DMatrix::identity(9, 9), y: gaussian_matrix(9, 7, &mut rng) };
        let moments = Moments::new(&data).unwrap();
        let objective = LinearObjective::new(net.clone(), moments, decay);
        let parameters = Parameters::from_values(&net, DVector::zeros(net.parameter_count()));
        let snapshot = Snapshot::new(0.0, &parameters, &objective, None).unwrap();
        let mut row = Row::default();
        HessianEnds::new(HessianSpectrum { top: count, all: false, density: None }, LayerRates::default())
            .measure(&snapshot, &mut row);
        let scale = singular_scale(&objective, &data);
        let singular: Vec<f64> = singular_values(data.y.as_view()).unwrap().iter().map(|value| value / scale).collect();
        let vector = |name: &str| row.vectors.iter().find(|(known, _)| known == name).unwrap().1.clone();
        for (place, (top, bottom)) in vector("hessian_top").into_iter().zip(vector("hessian_bottom")).enumerate() {
            let right = singular[place / 15];
            assert!(
                (top - decay - right).abs() < 1e-6 * right && (bottom - decay + right).abs() < 1e-6 * right,
                "{place}: {top} {bottom}"
            );
        }
    }

    /// σ_1(Y) over the curvature of J along the singular vectors of Y.
    fn singular_scale(objective: &LinearObjective, data: &Dataset) -> f64 {
        let svd = Svd::new(data.y.as_view()).unwrap();
        let (inputs, outputs) = (svd.u.column(0), svd.v.column(0));
        let mut v = DVector::zeros(objective.dim());
        // W_1 = e_1 inputsᵀ and W_2 = outputs e_1ᵀ, column by column, of length √2.
        for (j, x) in inputs.iter().enumerate() {
            v[15 * j] = *x;
        }
        v.rows_mut(15 * 9, 7).copy_from(&outputs);
        let mut hv = DVector::zeros(v.len());
        objective.loss_hessian_vector(&DVector::zeros(v.len()), &v, &mut hv);
        svd.values[0] / (v.dot(&hv) / v.norm_squared()).abs()
    }

    /// Layers with rates of their own: the density is that of the spectrum beside it.
    #[test]
    fn the_density_is_that_of_the_spectrum() {
        let net = Architecture::new(&[4, 6, 3]);
        let theta = gaussian_matrix(net.parameter_count(), 1, &mut stream(5, Purpose::Init)).column(0).into_owned();
        let density = SpectralDensity { probes: 20, steps: 42, resolution: 20 };
        let asked = HessianSpectrum { top: 1, all: true, density: Some(density) };
        let row = row(&HessianEnds::new(asked, LayerRates::from(vec![1.0, 3.0])), &Parameters::from_values(&net, theta), 0.5);
        let vector = |name: &str| &row.vectors.iter().find(|(known, _)| known == name).unwrap().1;
        let (at, mean, error) = (vector("hessian_density_at"), vector("hessian_density"), vector("hessian_density_error"));
        assert_eq!((at.len(), mean.len(), error.len()), (73, 73, 73));
        let (values, width) = (vector("hessian_spectrum"), 2.0 * (at[1] - at[0]));
        let bump = |x: f64| (-0.5 * (x / width).powi(2)).exp() / (width * std::f64::consts::TAU.sqrt());
        let exact = |x: f64| values.iter().map(|value| bump(x - value)).sum::<f64>() / values.len() as f64;
        let within = (0..73).filter(|&i| (mean[i] - exact(at[i])).abs() <= 3.0 * error[i]).count();
        assert!(within > 65, "{within} of 73");
        assert!(
            (values[0] - at[16]).abs() < 1e-9 * width && (values[41] - at[56]).abs() < 1e-9 * width,
            "the ends of the spectrum"
        );
    }

    #[test]
    fn an_index_is_known_only_if_some_eigenvalue_that_was_found_is_not_negative() {
        let found = |values: &[f64]| Extremes::of_all(&DVector::from_row_slice(values), 2);
        assert_eq!(index(&found(&[-1.0, 0.5, 3.0]), None), Some(1));
        assert_eq!(index(&found(&[-1.0, -0.5, 3.0]), None), None);
        assert_eq!(index(&found(&[-1.0, -0.5, 3.0]), Some(&DVector::from_vec(vec![-1.0, -0.5, 3.0]))), Some(2));
        assert_eq!(index(&found(&[-1e-7, 0.0, 3.0]), None), Some(0));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let check = |top, all, parameters| HessianSpectrum { top, all, density: None }.check(parameters);
        let of_top = |value| HessianError::Range { key: "top", value, least: 1, most: 64 };
        assert_eq!((check(0, false, 10), check(65, false, 10)), (Err(of_top(0)), Err(of_top(65))));
        let usual = SpectralDensity::default();
        let of_density = |density| HessianSpectrum { density: Some(density), ..HessianSpectrum::USUAL }.check(9);
        let few = HessianError::Range { key: "density.steps", value: 49, least: 50, most: 1000 };
        assert_eq!((of_density(usual), of_density(SpectralDensity { steps: 49, ..usual })), (Ok(()), Err(few)));
        for wrong in [SpectralDensity { probes: 1, ..usual }, SpectralDensity { resolution: 3, ..usual }] {
            assert!(matches!(of_density(wrong), Err(HessianError::Range { .. })), "{wrong:?}");
        }
        assert_eq!(check(4, true, 3001), Err(HessianError::Parameters(3001)));
        assert_eq!((check(64, false, 1_000_000), check(1, true, 3000)), (Ok(()), Ok(())));
    }
}
