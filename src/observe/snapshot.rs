//! A process at one moment, with the decompositions that several observables share.

use std::cell::OnceCell;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{GramPower, Scaled, Svd, SvdError, norm, scale, singular_values};
use crate::network::{ExtendedParameters, Parameters};
use crate::objective::{Jacobian, Objective};

use super::{CompanionKind, Curvature, Entry};

/// Weights at time t, decomposed.
pub struct Snapshot<'a> {
    /// The common clock.
    pub t: f64,
    /// W_1, …, W_L.
    pub parameters: &'a Parameters,
    /// What the process trains on.
    pub objective: &'a dyn Objective,
    /// The flow at the same time; `None` for the flow itself and where the flow has ended.
    pub flow: Option<&'a Parameters>,
    /// θ of the process's companions at the same time, of those that have got there.
    pub companions: Vec<(CompanionKind, &'a DVector<f64>)>,
    /// What is known of weights that were put back on the balance law; `None` for all others.
    pub preserved: Option<Preserved<'a>>,
    /// The largest curvature, where it was measured.
    pub curvature: Option<Curvature>,
    /// What the discrete law of the balance says, where a ledger is kept.
    pub ledger: Option<Entry>,
    /// What is decomposed, once it was asked for.
    decompositions: OnceCell<Decompositions>,
    /// ∇ℒ, once it was asked for.
    loss_gradient: OnceCell<DVector<f64>>,
}

/// What several observables share.
struct Decompositions {
    /// The decomposition of W_1, whose Gram matrix is raised to powers.
    first_weight: Decomposed,
    /// Singular values of W_1, …, W_L, at index l − 1.
    spectra: Vec<Vec<f64>>,
    /// Decompositions of R_l at index l − 1, R_lᵀR_l the mean of J_lᵀJ_l over the samples.
    jacobians: Vec<Decomposed>,
    /// C with CᵀC = (1/n) Σ (J_1(x_i) − J̄_1)ᵀ(J_1(x_i) − J̄_1).
    centred_jacobian: DMatrix<f64>,
}

/// Weights that were put back on the balance law.
#[derive(Clone, Copy)]
pub struct Preserved<'a> {
    /// The weights, with what lies below float64 where that is kept.
    pub weights: &'a ExtendedParameters,
    /// Whether it is kept: then D is known far below the rounding of float64 weights.
    pub extended: bool,
    /// ‖δθ‖/‖θ‖ of the correction, as large as the integration's error in the law.
    pub correction: f64,
}

impl<'a> Snapshot<'a> {
    /// Decomposes the weights. Fails where weights or their products are no longer finite.
    pub fn new(
        t: f64,
        parameters: &'a Parameters,
        objective: &'a dyn Objective,
        flow: Option<&'a Parameters>,
    ) -> Result<Self, SvdError> {
        let snapshot = Self::undecomposed(t, parameters, objective, flow);
        let decompositions = Decompositions::new(parameters, objective)?;
        Ok(Self { decompositions: decompositions.into(), ..snapshot })
    }

    /// The same, whose weights are decomposed only if an observable asks for that: NaN where products are not finite.
    pub fn undecomposed(
        t: f64,
        parameters: &'a Parameters,
        objective: &'a dyn Objective,
        flow: Option<&'a Parameters>,
    ) -> Self {
        let (companions, preserved, curvature, ledger) = (Vec::new(), None, None, None);
        let (decompositions, loss_gradient) = (OnceCell::new(), OnceCell::new());
        Self { t, parameters, objective, flow, companions, preserved, curvature, ledger, decompositions, loss_gradient }
    }

    fn decompositions(&self) -> &Decompositions {
        let unknown = |_| Decompositions::unknown(self.parameters);
        self.decompositions.get_or_init(|| Decompositions::new(self.parameters, self.objective).unwrap_or_else(unknown))
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.parameters.architecture().depth()
    }

    /// W_1 = 2^e·U·diag(σ)·Vᵀ.
    pub fn first_weight(&self) -> &Decomposed {
        &self.decompositions().first_weight
    }

    /// The min(d_l, d_{l−1}) singular values of W_l, largest first, for l = 1, …, L.
    pub fn singular_values(&self, l: usize) -> &[f64] {
        &self.decompositions().spectra[l - 1]
    }

    /// A factor R_l of the average gradient outer product with respect to the input of layer l = 1, …, L: R_lᵀR_l = (1/n) Σ_i J_l(x_i)ᵀJ_l(x_i),
    /// J_l = ∂f/∂h_{l−1}. R_1ᵀR_1 is the AGOP A_f. Of a linear network R_l is J_l = W_L⋯W_l itself. NaN where underflow took its digits.
    pub fn jacobian(&self, l: usize) -> &Decomposed {
        &self.decompositions().jacobians[l - 1]
    }

    /// A_f ∈ ℝ^{d_0 × d_0}.
    pub fn agop(&self) -> Scaled {
        self.jacobian(1).gram_power(1.0)
    }

    /// ∇ℒ(θ), without decay: taken once, when it is first asked for.
    pub fn loss_gradient(&self) -> &DVector<f64> {
        self.loss_gradient.get_or_init(|| {
            let theta = self.parameters.values();
            let mut gradient = DVector::zeros(theta.len());
            self.objective.loss_gradient(theta, &mut gradient);
            gradient
        })
    }

    /// C with CᵀC = (1/n) Σ_i (J_i − J̄)ᵀ(J_i − J̄), J_i = ∂f/∂x at sample i and J̄ their mean; no rows where J_i does not depend on x or is not
    /// known.
    pub fn centred_jacobian(&self) -> &DMatrix<f64> {
        &self.decompositions().centred_jacobian
    }

    /// The neural feature matrix W_lᵀW_l ∈ ℝ^{d_{l−1} × d_{l−1}}.
    pub fn gram(&self, l: usize) -> Scaled {
        let Scaled { matrix: weight, exponent } = Scaled::new(self.parameters.weight(l).into_owned());
        Scaled { matrix: weight.transpose() * weight, exponent: 2 * exponent }
    }

    /// ‖θ‖.
    pub fn weight_norm(&self) -> f64 {
        norm(self.parameters.values())
    }
}

impl Decompositions {
    fn new(parameters: &Parameters, objective: &dyn Objective) -> Result<Self, SvdError> {
        let depth = parameters.architecture().depth();
        let first = Scaled::new(parameters.weight(1).into_owned());
        let first_weight = Decomposed { svd: Svd::new(first.matrix.as_view())?, exponent: first.exponent };
        let mut spectra = vec![singular_values_of(&first_weight)];
        for l in 2..=depth {
            spectra.push(singular_values(parameters.weight(l))?);
        }
        let over_samples = objective.layers().map_or_else(Vec::new, |layers| layers.jacobians(parameters.values()));
        let jacobians = over_samples.iter().map(Decomposed::new).collect::<Result<Vec<_>, _>>()?;
        let known = |jacobian: &Jacobian| !jacobian.lost;
        let first = over_samples.into_iter().next().filter(known);
        let centred_jacobian = first.map_or_else(|| DMatrix::zeros(0, 0), |first| first.centred);
        Ok(Self { first_weight, spectra, jacobians, centred_jacobian })
    }

    /// Of weights whose products are not finite.
    fn unknown(parameters: &Parameters) -> Self {
        let net = parameters.architecture();
        let of = |rows, columns| Decomposed { svd: Svd::unknown(rows, columns), exponent: 0 };
        let layers = || (1..=net.depth()).map(|l| net.shape(l));
        Self {
            first_weight: of(net.shape(1).0, net.input_dim()),
            spectra: layers().map(|(rows, columns)| vec![f64::NAN; rows.min(columns)]).collect(),
            jacobians: layers().map(|(_, columns)| of(net.output_dim(), columns)).collect(),
            centred_jacobian: DMatrix::zeros(0, 0),
        }
    }
}

/// The matrix 2^exponent·U·diag(σ)·Vᵀ.
pub struct Decomposed {
    /// U, σ and V.
    pub svd: Svd,
    /// Of the unit of σ, other than 0 for very small or large matrices.
    pub exponent: i32,
}

impl Decomposed {
    fn new(jacobian: &Jacobian) -> Result<Self, SvdError> {
        let factor = jacobian.factor();
        let svd = if jacobian.lost { Svd::unknown(factor.nrows(), factor.ncols()) } else { Svd::new(factor.as_view())? };
        Ok(Self { svd, exponent: jacobian.exponent })
    }

    /// (MᵀM)^p of this matrix M.
    pub fn gram_power(&self, p: f64) -> Scaled {
        GramPower::scaled(&self.svd, self.exponent, p)
    }
}

/// σ in units of 1.
fn singular_values_of(of: &Decomposed) -> Vec<f64> {
    of.svd.values.iter().map(|&s| scale(s, of.exponent)).collect()
}
