//! The spectral density of a symmetric A ∈ ℝ^{n × n} from products v ↦ Av alone: stochastic Lanczos quadrature.
//!
//! φ(x) = (1/n) Σ_i N(x; λ_i, σ²) = tr f(A)/n with f the Gaussian of width σ around x. For a random q, uniform on the sphere, E qᵀf(A)q =
//! tr f(A)/n, and qᵀf(A)q is an integral over the spectral measure of q, for which s steps of a [`Lanczos`] iteration from q give a Gauss
//! quadrature (Golub & Meurant, *Matrices, Moments and Quadrature*, 1994; Ghorbani, Krishnan & Xiao, ICML 2019, arXiv 1901.10159). The mean over
//! m draws of q has a standard error, which their scatter shows.
//!
//! A quadrature with s nodes is exact for polynomials of degree 2s − 1. A Gaussian whose width is 1/r of the range of the spectrum is one up to
//! e^{−8(s/r)²} (its Chebyshev coefficients): with s ≥ r that error is below those of m ≤ 1000 draws.

use nalgebra::DVector;

use super::lanczos::Lanczos;

/// How far the grid goes beyond the spectrum, in widths: what is left of a Gaussian there is rounding.
const TAILS: usize = 8;
/// Points of the grid per width: sums over it are integrals to rounding.
const PER_WIDTH: usize = 2;
/// The range of the spectrum counts as no less than this share of ‖A‖, for one that is a point.
const NARROW: f64 = 1e-3;

/// How a density is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quadrature {
    /// m ≥ 2, the number of random vectors.
    pub probes: usize,
    /// s ≥ 1, the products that each of them takes.
    pub steps: usize,
    /// r ≥ 1, the range of the spectrum over the width of the Gaussian.
    pub resolution: usize,
}

/// A density of eigenvalues.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// [`Quadrature::points`] equidistant values, over the spectrum and eight widths more on either side, half a width apart.
    pub grid: Vec<f64>,
    /// φ there: its sum times the distance of two points is 1.
    pub mean: Vec<f64>,
    /// The standard error of φ there.
    pub error: Vec<f64>,
    /// Products that it took.
    pub products: usize,
}

impl Quadrature {
    /// The number of points of the grid.
    pub fn points(&self) -> usize {
        PER_WIDTH * (self.resolution + 2 * TAILS) + 1
    }

    /// The density of A, where `apply(v, out)` writes Av to `out`. The entries of each vector in ℝⁿ that `draw` returns must be independent
    /// standard normal numbers. `None` where a product overflows, for A = 0 and of no dimension at all.
    pub fn density(
        &self,
        n: usize,
        mut draw: impl FnMut() -> DVector<f64>,
        mut apply: impl FnMut(&DVector<f64>, &mut DVector<f64>),
    ) -> Option<Density> {
        if n == 0 {
            return None;
        }
        let (mut rules, mut products) = (Vec::new(), 0);
        for _ in 0..self.probes {
            let mut lanczos = Lanczos::new(&draw(), &mut apply);
            lanczos.grow_to(self.steps);
            if lanczos.has_overflowed() {
                return None;
            }
            products += lanczos.steps();
            rules.push(lanczos.gauss());
        }
        let nodes = || rules.iter().flatten().map(|(node, _)| *node);
        let (low, high) = (nodes().fold(f64::INFINITY, f64::min), nodes().fold(f64::NEG_INFINITY, f64::max));
        let range = (high - low).max(NARROW * low.abs().max(high.abs()));
        let width = range / self.resolution as f64;
        // Not of a zero matrix, nor of one so small that a density overflows.
        if !(width > 0.0 && (1.0 / width).is_finite()) {
            return None;
        }
        let (middle, points) = (0.5 * (low + high), self.points());
        let place = |i: usize| middle + width * (i as f64 - 0.5 * (points - 1) as f64) / PER_WIDTH as f64;
        let grid: Vec<f64> = (0..points).map(place).collect();
        let height = 1.0 / (width * std::f64::consts::TAU.sqrt());
        let bump = |x: f64| height * (-0.5 * (x / width).powi(2)).exp();
        let of_rule = |rule: &[(f64, f64)], x: f64| rule.iter().map(|(node, weight)| weight * bump(x - node)).sum::<f64>();
        let count = rules.len() as f64;
        let at = |x: &f64| {
            let values: Vec<f64> = rules.iter().map(|rule| of_rule(rule, *x)).collect();
            let mean = values.iter().sum::<f64>() / count;
            let scatter: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (mean, (scatter / (count - 1.0) / count).sqrt())
        };
        let (mean, error) = grid.iter().map(at).unzip();
        Some(Density { grid, mean, error, products })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::DMatrix;

    /// A bulk, a cluster and two outliers, in a basis of reflections.
    fn matrix(n: usize) -> (DMatrix<f64>, Vec<f64>) {
        let mut values: Vec<f64> = (0..n).map(|i| -0.2 + 1.4 * (i as f64 / n as f64).powi(2)).collect();
        (values[0], values[1]) = (3.0, 2.5);
        values[2..n / 4].fill(0.0);
        let q = gaussian_matrix(n, n, &mut stream(3, Purpose::Init)).qr().q();
        (&q * DMatrix::from_diagonal(&DVector::from_row_slice(&values)) * q.transpose(), values)
    }

    fn of(matrix: &DMatrix<f64>, quadrature: Quadrature, draw: impl FnMut() -> DVector<f64>) -> Density {
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| out.copy_from(&(matrix * v));
        quadrature.density(matrix.nrows(), draw, apply).unwrap()
    }

    fn random(n: usize, seed: u64) -> impl FnMut() -> DVector<f64> {
        let mut rng = stream(seed, Purpose::SpectralDensity);
        move || gaussian_matrix(n, 1, &mut rng).column(0).into_owned()
    }

    /// φ of eigenvalues that are all known.
    fn exact(values: &[f64], width: f64, x: f64) -> f64 {
        let bump = |value: &f64| (-0.5 * ((x - value) / width).powi(2)).exp() / (width * std::f64::consts::TAU.sqrt());
        values.iter().map(bump).sum::<f64>() / values.len() as f64
    }

    const USUAL: Quadrature = Quadrature { probes: 10, steps: 60, resolution: 40 };

    /// The share of the grid, where there is something, on which the mean is within three standard errors of φ with `scale` times the width.
    fn share_within(density: &Density, values: &[f64], scale: f64) -> f64 {
        let spacing = density.grid[1] - density.grid[0];
        let top = density.mean.iter().fold(0.0_f64, |a, b| a.max(*b));
        let at = density.grid.iter().zip(&density.mean).zip(&density.error).filter(|((_, mean), _)| **mean > 1e-3 * top);
        let within: Vec<bool> =
            at.map(|((x, mean), error)| (mean - exact(values, scale * 2.0 * spacing, *x)).abs() <= 3.0 * error).collect();
        within.iter().filter(|within| **within).count() as f64 / within.len() as f64
    }

    #[test]
    fn it_is_that_of_all_eigenvalues_within_its_error() {
        let (matrix, values) = matrix(150);
        let shares: Vec<f64> = (0..4).map(|seed| share_within(&of(&matrix, USUAL, random(150, seed)), &values, 1.0)).collect();
        assert!(shares.iter().sum::<f64>() > 0.9 * 4.0, "{shares:?}");
        // Control: of −A.
        let negated: Vec<f64> = values.iter().map(|value| -value).collect();
        let other = share_within(&of(&matrix, USUAL, random(150, 0)), &negated, 1.0);
        assert!(other < 0.5, "{other}");
    }

    /// Four times the probes halve it, and it is neither many times too small nor too large.
    #[test]
    fn the_error_is_that_of_a_mean() {
        let (matrix, _) = matrix(150);
        let total = |probes| of(&matrix, Quadrature { probes, ..USUAL }, random(150, 7)).error.iter().sum::<f64>();
        let ratio = total(10) / total(160);
        assert!((ratio / 4.0 - 1.0).abs() < 0.3, "{ratio}");
    }

    /// ∫φ = 1, ∫xφ = tr A/n and ∫x²φ − σ² = tr A²/n.
    #[test]
    fn mass_and_moments_are_those_of_the_matrix() {
        let (matrix, values) = matrix(150);
        let moment = |density: &Density, power: i32| {
            let spacing = density.grid[1] - density.grid[0];
            density.grid.iter().zip(&density.mean).map(|(x, y)| x.powi(power) * y * spacing).sum::<f64>()
        };
        let trace = |power: i32| values.iter().map(|value| value.powi(power)).sum::<f64>() / 150.0;
        let all: Vec<[f64; 2]> = (0..8)
            .map(|seed| {
                let density = of(&matrix, USUAL, random(150, seed));
                assert!((moment(&density, 0) - 1.0).abs() < 1e-13, "{:e}", moment(&density, 0) - 1.0);
                let width = 2.0 * (density.grid[1] - density.grid[0]);
                [moment(&density, 1), moment(&density, 2) - width * width]
            })
            .collect();
        for power in [1, 2] {
            let of_power = all.iter().map(|moments| moments[power - 1]);
            let mean = of_power.clone().sum::<f64>() / 8.0;
            let error = (of_power.map(|own| (own - mean).powi(2)).sum::<f64>() / 7.0 / 8.0).sqrt();
            let right = trace(power as i32);
            assert!((mean - right).abs() <= 3.0 * error && error < 0.1 * right, "{power}: {mean} ± {error}, {right}");
        }
    }

    /// The mean over all vectors of a basis is the trace, and a complete space makes each of them exact.
    #[test]
    fn over_a_basis_it_is_exact() {
        let (matrix, values) = matrix(30);
        let mut next = 0..30;
        let unit = || {
            DVector::from_fn(30, {
                let j = next.next().unwrap();
                move |i, _| f64::from(u8::from(i == j))
            })
        };
        let density = of(&matrix, Quadrature { probes: 30, steps: 30, resolution: 20 }, unit);
        let width = 2.0 * (density.grid[1] - density.grid[0]);
        for (x, mean) in density.grid.iter().zip(&density.mean) {
            assert!((mean - exact(&values, width, *x)).abs() < 1e-10, "{x}: {mean}");
        }
    }

    #[test]
    fn a_point_has_a_density_and_nothing_has_none() {
        let quadrature = Quadrature { probes: 2, steps: 5, resolution: 10 };
        let density = of(&(DMatrix::identity(20, 20) * 2.0), quadrature, random(20, 1));
        let top = density.mean.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        assert!((density.grid[top] - 2.0).abs() < 1e-12 && density.products == 2);
        assert!(density.error.iter().all(|error| *error < 1e-9 * density.mean[top]));
        let nothing = |_: &DVector<f64>, out: &mut DVector<f64>| out.fill(0.0);
        assert_eq!(quadrature.density(20, random(20, 1), nothing), None);
        let overflow = |_: &DVector<f64>, out: &mut DVector<f64>| out.fill(f64::INFINITY);
        assert_eq!(quadrature.density(20, random(20, 1), overflow), None);
        assert_eq!(quadrature.density(0, random(0, 1), nothing), None);
    }
}
