//! A process at one time, with the decompositions that several observables share.

use std::cell::OnceCell;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{GramPower, RightSvd, Scaled, SvdError, check_finite, norm, singular_values};
use crate::network::{ExtendedParameters, Parameters};
use crate::objective::{Jacobian, Objective};

use super::{CompanionKind, Curvature, Entry, Prediction, SdeLaw};

/// Weights at time t, and what observables ask of them: each decomposition is made once, when it is first asked for.
pub struct Snapshot<'a> {
    /// Time on the common clock.
    pub t: f64,
    /// W_1, …, W_L.
    pub parameters: &'a Parameters,
    /// The objective that the process trains on.
    pub objective: &'a dyn Objective,
    /// The flow at the same time; `None` for the flow itself and where the flow has ended.
    pub flow: Option<&'a Parameters>,
    /// θ of the process's companions at the same time, without those that have ended.
    pub companions: Vec<(CompanionKind, &'a DVector<f64>)>,
    /// ‖θ_c − θ_c′‖ of each model c that a claim of the scenario asks about, θ_c′ the same integrated more finely.
    pub model_errors: Vec<(CompanionKind, f64)>,
    /// What is known of weights that were put back on the balance law; `None` for all others.
    pub preserved: Option<&'a Preserved>,
    /// The largest curvature, where it was measured.
    pub curvature: Option<Curvature>,
    /// The same in the metric of an adaptive rule, where it was asked for.
    pub preconditioned: Option<Curvature>,
    /// The entry of the ledger, where one is kept.
    pub ledger: Option<Entry>,
    /// What the process's central flow predicts, where it has one.
    pub prediction: Option<Prediction>,
    /// The law of the paths of the process's stochastic differential equation, where it has one.
    pub law: Option<SdeLaw>,
    /// J_l over the samples, l = 1, …, L; none of an objective without layers.
    over_samples: OnceCell<Vec<Jacobian>>,
    /// Singular values of W_l, at index l − 1.
    spectra: Vec<OnceCell<Vec<f64>>>,
    /// The decomposition of R_1, R_1ᵀR_1 = A_f.
    first_jacobian: OnceCell<Decomposed>,
    /// (R_lᵀR_l)^{1/(L−l+1)}, at index l − 1.
    ansatzes: Vec<OnceCell<Scaled>>,
    /// W_lᵀW_l, at index l − 1.
    grams: Vec<OnceCell<Scaled>>,
    /// A_f.
    agop: OnceCell<Scaled>,
    /// ℒ.
    loss: OnceCell<f64>,
    /// ∇ℒ.
    loss_gradient: OnceCell<DVector<f64>>,
}

/// Weights that were put back on the balance law.
#[derive(Clone)]
pub struct Preserved {
    /// The weights, with what lies below float64 where that is kept.
    pub weights: ExtendedParameters,
    /// Whether it is kept: then D is known far below the rounding of float64 weights.
    pub extended: bool,
    /// ‖δθ‖/‖θ‖ of the correction, the size of the integration's error in the law.
    pub correction: f64,
}

impl<'a> Snapshot<'a> {
    /// Fails where weights or their products are no longer finite.
    pub fn new(
        t: f64,
        parameters: &'a Parameters,
        objective: &'a dyn Objective,
        flow: Option<&'a Parameters>,
    ) -> Result<Self, SvdError> {
        let snapshot = Self::unchecked(t, parameters, objective, flow);
        (1..=snapshot.depth()).try_for_each(|l| check_finite(parameters.weight(l)))?;
        let kept = |jacobian: &&Jacobian| !jacobian.lost;
        for jacobian in snapshot.over_samples().iter().filter(kept) {
            check_finite(jacobian.mean.as_view())?;
            check_finite(jacobian.centred.as_view())?;
        }
        Ok(snapshot)
    }

    /// The same, without asking whether products are finite: where they are not, what rests on them is NaN.
    pub fn unchecked(t: f64, parameters: &'a Parameters, objective: &'a dyn Objective, flow: Option<&'a Parameters>) -> Self {
        let depth = parameters.architecture().depth();
        Self {
            t,
            parameters,
            objective,
            flow,
            companions: Vec::new(),
            model_errors: Vec::new(),
            preserved: None,
            curvature: None,
            preconditioned: None,
            ledger: None,
            prediction: None,
            law: None,
            over_samples: OnceCell::new(),
            spectra: vec![OnceCell::new(); depth],
            first_jacobian: OnceCell::new(),
            ansatzes: vec![OnceCell::new(); depth],
            grams: vec![OnceCell::new(); depth],
            agop: OnceCell::new(),
            loss: OnceCell::new(),
            loss_gradient: OnceCell::new(),
        }
    }

    fn over_samples(&self) -> &[Jacobian] {
        let jacobians = || self.objective.layers().map_or_else(Vec::new, |of| of.jacobians(self.parameters.values()));
        self.over_samples.get_or_init(jacobians)
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.parameters.architecture().depth()
    }

    /// The min(d_l, d_{l−1}) singular values of W_l, largest first, for l = 1, …, L.
    pub fn singular_values(&self, l: usize) -> &[f64] {
        self.spectra[l - 1].get_or_init(|| {
            let weight = self.parameters.weight(l);
            singular_values(weight).unwrap_or_else(|_| vec![f64::NAN; weight.nrows().min(weight.ncols())])
        })
    }

    /// A factor R_l of the average gradient outer product with respect to the input of layer l = 1, …, L: R_lᵀR_l = (1/n) Σ_i J_l(x_i)ᵀJ_l(x_i),
    /// J_l = ∂f/∂h_{l−1}. R_1ᵀR_1 is the AGOP A_f. Of a linear network R_l is J_l = W_L⋯W_l itself. NaN where underflow took its digits, and of
    /// an objective without layers.
    pub fn jacobian(&self, l: usize) -> Scaled {
        match self.over_samples().get(l - 1) {
            Some(jacobian) if !jacobian.lost => Scaled { matrix: jacobian.factor(), exponent: jacobian.exponent },
            lost => {
                let net = self.parameters.architecture();
                let rows = lost.map_or(net.output_dim(), |jacobian| jacobian.mean.nrows() + jacobian.centred.nrows());
                Scaled { matrix: DMatrix::from_element(rows, net.shape(l).1, f64::NAN), exponent: 0 }
            }
        }
    }

    /// R_1 = 2^e·U·diag(σ)·Vᵀ.
    pub fn first_jacobian(&self) -> &Decomposed {
        self.first_jacobian.get_or_init(|| Decomposed::new(self.jacobian(1)))
    }

    /// (R_lᵀR_l)^{1/(L−l+1)}, to which W_lᵀW_l is proportional under the ansatz, for l = 1, …, L.
    pub fn ansatz(&self, l: usize) -> &Scaled {
        self.ansatzes[l - 1].get_or_init(|| match self.depth() - l + 1 {
            1 => self.jacobian(l).gram(),
            layers if l == 1 => self.first_jacobian().gram_power(1.0 / layers as f64),
            layers => Decomposed::new(self.jacobian(l)).gram_power(1.0 / layers as f64),
        })
    }

    /// A_f ∈ ℝ^{d_0 × d_0}.
    pub fn agop(&self) -> &Scaled {
        self.agop.get_or_init(|| self.jacobian(1).gram())
    }

    /// ℒ(θ).
    pub fn loss(&self) -> f64 {
        *self.loss.get_or_init(|| self.objective.loss(self.parameters.values()))
    }

    /// ∇ℒ(θ), without decay. ℒ(θ), which is formed on the way, is kept too.
    pub fn loss_gradient(&self) -> &DVector<f64> {
        self.loss_gradient.get_or_init(|| {
            let theta = self.parameters.values();
            let mut gradient = DVector::zeros(theta.len());
            let loss = self.objective.loss_and_gradient(theta, &mut gradient);
            self.loss.get_or_init(|| loss);
            gradient
        })
    }

    /// C with CᵀC = (1/n) Σ_i (J_i − J̄)ᵀ(J_i − J̄), J_i = ∂f/∂x at sample i and J̄ their mean; `None` where J_i is the same at
    /// every sample to rounding, or not known.
    pub fn centred_jacobian(&self) -> Option<&DMatrix<f64>> {
        let known = |jacobian: &&Jacobian| !jacobian.lost && jacobian.centred.nrows() > 0;
        self.over_samples().first().filter(known).map(|jacobian| &jacobian.centred)
    }

    /// The neural feature matrix W_lᵀW_l ∈ ℝ^{d_{l−1} × d_{l−1}}.
    pub fn gram(&self, l: usize) -> &Scaled {
        self.grams[l - 1].get_or_init(|| Scaled::new(self.parameters.weight(l).into_owned()).gram())
    }

    /// ‖θ‖.
    pub fn weight_norm(&self) -> f64 {
        norm(self.parameters.values())
    }
}

/// The matrix 2^exponent·U·diag(σ)·Vᵀ.
pub struct Decomposed {
    /// σ and V.
    pub svd: RightSvd,
    /// Of the unit of σ, other than 0 for very small or large matrices.
    pub exponent: i32,
}

impl Decomposed {
    /// NaN where it has no decomposition.
    fn new(of: Scaled) -> Self {
        let Scaled { matrix, exponent } = of;
        let svd = RightSvd::new(matrix.as_view()).unwrap_or_else(|_| RightSvd::unknown(matrix.nrows(), matrix.ncols()));
        Self { svd, exponent }
    }

    /// (MᵀM)^p of this matrix M.
    pub fn gram_power(&self, p: f64) -> Scaled {
        GramPower::scaled(&self.svd, self.exponent, p)
    }
}
