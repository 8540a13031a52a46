//! Whether a flow stays, judged by its Hessian through Lanczos iterations.

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use crate::linalg::{End, Lanczos, stages, vectors_that_fit};
use crate::objective::Objective;
use crate::rng::gaussian_matrix;

use super::super::symmetry::Symmetry;
use super::{At, STILL};

/// Ritz values below this many ε times the largest are rounding errors.
const ROUNDING: f64 = 1e3;

/// A gradient of P parameters takes at least the time of this many operations for each of them.
const OPERATIONS: u64 = 50;

/// The cost of a Krylov space of dimension k, in gradients: 2k for products; 4P·k² operations for the basis and 10k³ for T.
pub(super) fn cost(k: usize, objective: &dyn Objective) -> u64 {
    let (k, parameters) = (k as u64, objective.dim() as u64);
    let operations = objective.operations().unwrap_or(0).max(OPERATIONS * parameters).max(1);
    2 * k + k * k * (4 * parameters + 10 * k) / operations
}

/// The largest dimension at which two spaces, the spectrum's and that of ∇J, fit in memory and cost at most `budget` gradients.
pub(super) fn affordable(objective: &dyn Objective, budget: u64) -> usize {
    let parameters = objective.dim();
    let most = parameters.min(vectors_that_fit(parameters, 2));
    stages(most).take_while(|&k| 2 * cost(k, objective) <= budget).last().unwrap_or(0)
}

/// Whether the flow escapes along a direction of negative curvature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Escape {
    /// The Hessian has an eigenvalue below minus the threshold.
    Yes,
    /// It has none, and its smallest may be 0.
    No,
    /// Modulo the symmetries all its eigenvalues are at least `curvature` > 0.
    Strict { curvature: f64 },
    /// The space was too small to tell.
    Unknown,
}

type Product<'a> = Box<dyn FnMut(&DVector<f64>, &mut DVector<f64>) + 'a>;

/// The ends of the spectrum of ∇²J + κTTᵀ.
pub(super) struct Spectrum<'a> {
    lanczos: Lanczos<Product<'a>>,
    extra: usize,
}

impl<'a> Spectrum<'a> {
    /// Starts from a random vector, a new one for every look: what one happens to miss, the next one finds.
    pub(super) fn new(at: &At<'a>, rng: &mut ChaCha8Rng) -> Self {
        let (objective, theta) = (at.objective, at.theta);
        let mut random = gaussian_matrix(theta.len(), 1, rng).column(0).into_owned();
        // Nothing moves the layers that are held: the Hessian is 0 along them.
        if let Some(layers) = objective.layers() {
            let net = layers.architecture();
            for l in (1..=net.depth()).filter(|&l| layers.holds(l)) {
                random.as_mut_slice()[net.layer_range(l)].fill(0.0);
            }
        }
        let symmetry = Symmetry::new(objective);
        // κ scales TTᵀ to the size of the Hessian.
        let (mut curved, mut square) = (random.clone(), DVector::zeros(random.len()));
        objective.hessian_vector(theta, &random, &mut curved);
        symmetry.add_square(theta, &random, 1.0, &mut square);
        let size = square.norm();
        let weight = if size > 0.0 { curved.norm() / size } else { 0.0 };
        let product = move |v: &DVector<f64>, out: &mut DVector<f64>| {
            objective.hessian_vector(theta, v, out);
            if weight > 0.0 {
                symmetry.add_square(theta, v, weight, out);
            }
        };
        Self { lanczos: Lanczos::new(&random, Box::new(product)), extra: 1 }
    }

    /// Grows the space, to `most` dimensions at most, until it tells whether eigenvalues lie below −`threshold`.
    pub(super) fn explore(&mut self, most: usize, threshold: f64) -> Escape {
        let mut none = false;
        for k in stages(most) {
            self.lanczos.grow_to(k);
            let least = self.lanczos.ritz(End::Smallest);
            if least < -threshold {
                // TTᵀ is positive semidefinite: without it the smallest eigenvalue is no larger.
                return Escape::Yes;
            }
            let rounding = ROUNDING * f64::EPSILON * self.radius();
            let exhausted = self.lanczos.is_exhausted();
            if least > rounding && (exhausted || self.lanczos.excludes(End::Smallest, 0.5 * least)) {
                return Escape::Strict { curvature: if exhausted { least } else { 0.5 * least } };
            }
            none = exhausted || self.lanczos.excludes(End::Smallest, -threshold);
            // If the smallest eigenvalue is 0, a larger space changes nothing.
            if none && (exhausted || least <= threshold) {
                break;
            }
        }
        if none { Escape::No } else { Escape::Unknown }
    }

    /// The largest eigenvalue in size, approximately.
    pub(super) fn radius(&self) -> f64 {
        self.lanczos.ritz(End::Largest).abs()
    }

    /// Whether the Hessian at the minimum, which is at most min(tol, ‖∇J‖/μ) away, is about that at θ: an L-layer network changes its
    /// Hessian by its own size over a distance of ‖θ‖/L^{3/2}.
    pub(super) fn is_settled(&self, at: &At, curvature: f64) -> bool {
        let way = at.tol.min(at.grad_norm / curvature);
        // The Hessian of any other objective is taken to change as fast as a deep network's.
        let depth = at.objective.layers().map_or(10.0, |layers| layers.architecture().depth() as f64);
        way * depth.powf(1.5) * self.radius() <= 0.5 * curvature * at.theta.norm() || at.grad_norm == 0.0
    }

    /// The direction of the smallest Ritz value, of length 1.
    pub(super) fn lowest(&self) -> Option<DVector<f64>> {
        self.lanczos.ritz_pairs().first().map(|pair| self.lanczos.vector(pair))
    }

    /// Products with the Hessian so far.
    pub(super) fn steps(&self) -> usize {
        self.lanczos.steps() + self.extra
    }
}

/// For how long a flow must stay, and the known bounds of the curvatures along ∇J.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stay {
    /// For ever: no curvature is below `curvature` > 0.
    ForEver { curvature: f64 },
    /// For `at.stay`: no curvature is below −`threshold` or above `radius`.
    ForAWhile { threshold: f64, radius: f64 },
}

/// Whether the flow moves by more than tol until `until`, `radius` a Ritz value near the largest curvature: no part of ∇J moves it by less than
/// one of the same size along a direction of twice that curvature.
pub(super) fn surely_moves(at: &At, until: f64, radius: f64) -> bool {
    at.grad_norm * decayed([0.0, until], 2.0 * radius) > at.tol
}

/// Whether the flow moves by at most tol, and by at most 1e-3·tol after 1.1t; and the number of products it took, at most `most`.
pub(super) fn settles(at: &At, stay: Stay, most: usize) -> (bool, usize) {
    let (left, until, longest) = match stay {
        Stay::ForEver { curvature } => (curvature, f64::INFINITY, 1.0 / curvature),
        Stay::ForAWhile { threshold, .. } => (-threshold, at.stay, at.stay),
    };
    if at.grad_norm * longest <= STILL * at.tol {
        return (true, 0);
    }
    // No product can be afforded.
    if most == 0 {
        return (false, 0);
    }
    let product = |v: &DVector<f64>, out: &mut DVector<f64>| at.objective.hessian_vector(at.theta, v, out);
    // Of length 1 already, for squares of a small ∇J would underflow.
    let mut lanczos = Lanczos::new(&(at.gradient / at.grad_norm), product);
    let stays = stages(most).any(|k| {
        lanczos.grow_to(k);
        let radius = match stay {
            Stay::ForEver { .. } => lanczos.ritz(End::Largest).abs(),
            Stay::ForAWhile { radius, .. } => radius,
        };
        let rounding = 4.0 * f64::EPSILON * radius * at.theta.norm();
        let measure = lanczos.radau(left);
        let still = |from: f64, limit: f64| moved(&measure, at.grad_norm, [from, until], left, rounding) <= limit;
        at.grad_norm <= rounding || (still(0.0, at.tol) && still(0.1 * at.t, STILL * at.tol))
    });
    (stays, lanczos.steps())
}

/// ‖∫ e^{−sA}g ds‖ over s between two times, for the spectral measure of g with nodes x ≥ `left` and weights w, and ‖g‖ = `norm`.
/// Components no larger than `rounding` are left out.
fn moved(measure: &[(f64, f64)], norm: f64, [from, to]: [f64; 2], left: f64, rounding: f64) -> f64 {
    let from = from.min(to);
    let along = |&(x, weight): &(f64, f64)| {
        // A node below `left` is rounding, or a flat direction that has its part of ∇J from steeper ones.
        let x = x.max(left);
        let g = weight.sqrt() * norm;
        if g <= rounding { 0.0 } else { g * decayed([from, to], x) }
    };
    measure.iter().map(along).map(|d| d * d).sum::<f64>().sqrt()
}

/// ∫ e^{−sx} ds between two times: (e^{−from·x} − e^{−to·x})/x, and to − from for x = 0.
fn decayed([from, to]: [f64; 2], x: f64) -> f64 {
    if x == 0.0 { to - from } else { (-from * x).exp() * -(-(to - from) * x).exp_m1() / x }
}
