//! −∇ℒ of a linear network as products of thin matrices, ∇_l = (W_L⋯W_{l+1})ᵀ R (W_{l−1}⋯W_1)ᵀ:
//!
//! - carried from the output, U_l = B_lᵀ (d_l × d_L) and V_l = −E_{l−1}ᵀ (d_{l−1} × d_L);
//! - carried from the input, U_l = −Δ_l (d_l × d_0) and V_l = A_{l−1} (d_{l−1} × d_0);
//!
//! with B, E, A and Δ as in [`chain`](super::super::chain), of weights that need not be formed.

use std::cell::RefCell;

use nalgebra::DMatrix;

use crate::data::Moments;
use crate::linalg::{Factors, LowRankLayout, LowRankSum, Write, gemm_nn, gemm_nt};
use crate::ode::LowRank;

use super::{Chain, Order};

/// The field −∇ℒ.
pub(super) struct LowRankDescent {
    layout: LowRankLayout,
    order: Order,
    depth: usize,
    /// −Σ_x.
    minus_sigma_x: DMatrix<f64>,
    /// Σ_yx, transposed where products are carried from the output.
    sigma_yx: DMatrix<f64>,
    /// Pᵀ or P, likewise.
    product: RefCell<DMatrix<f64>>,
    identity: DMatrix<f64>,
}

impl LowRankDescent {
    /// The field where it pays: for gradients of rank one and so many weights that a pass over them costs more than the calls that save it.
    pub(super) fn new(chain: &Chain, moments: &Moments) -> Option<Self> {
        let pays = rank(chain) == 1 && chain.net.depth() > 1 && chain.net.parameter_count() >= FEWEST_WEIGHTS;
        pays.then(|| Self::of(chain, moments))
    }

    /// Of any rank.
    fn of(chain: &Chain, moments: &Moments) -> Self {
        let (net, rank) = (&chain.net, rank(chain));
        let (sigma_yx, product) = match chain.order {
            Order::FromInput => (moments.sigma_yx.clone(), DMatrix::zeros(net.output_dim(), rank)),
            Order::FromOutput => (moments.sigma_yx.transpose(), DMatrix::zeros(net.input_dim(), rank)),
        };
        Self {
            layout: LowRankLayout::new((1..=net.depth()).map(|l| net.shape(l)), rank),
            order: chain.order,
            depth: net.depth(),
            minus_sigma_x: -&moments.sigma_x,
            sigma_yx,
            product: RefCell::new(product),
            identity: DMatrix::identity(rank, rank),
        }
    }
}

/// Steps by factors took 1.3 times as long as with formed stages for 1,600 weights (d = 20, L = 5), 0.6 for 16,000 (d = 64) and 0.5 for 80,000
/// (d = 200, L = 3); with two outputs as long, with four longer.
const FEWEST_WEIGHTS: usize = 8192;

/// That of the gradients: columns or rows that the chain carries.
fn rank(chain: &Chain) -> usize {
    match chain.order {
        Order::FromInput => chain.net.input_dim(),
        Order::FromOutput => chain.net.output_dim(),
    }
}

impl LowRank for LowRankDescent {
    fn layout(&self) -> &LowRankLayout {
        &self.layout
    }

    fn factors(&self, state: &LowRankSum<'_>, out: &mut Factors) {
        let (layout, last) = (&self.layout, self.depth - 1);
        let mut product = self.product.borrow_mut();
        match self.order {
            Order::FromOutput => {
                layout.u_mut(out, last).copy_from(&self.identity);
                for b in (1..=last).rev() {
                    let (above, mut here) = layout.u_pair(out, b, b - 1);
                    state.apply_transposed(b, above, here.as_view_mut());
                }
                state.apply_transposed(0, layout.u(out, 0), product.as_view_mut());
                // −Rᵀ = Σ_yxᵀ − Σ_xPᵀ.
                let mut residual = layout.v_mut(out, 0);
                residual.copy_from(&self.sigma_yx);
                gemm_nn(Write::Add, self.minus_sigma_x.as_view(), product.as_view(), residual);
                for b in 0..last {
                    let (below, mut here) = layout.v_pair(out, b, b + 1);
                    state.apply(b, below, here.as_view_mut());
                }
            }
            Order::FromInput => {
                layout.v_mut(out, 0).copy_from(&self.identity);
                for b in 0..last {
                    let (below, mut here) = layout.v_pair(out, b, b + 1);
                    state.apply(b, below, here.as_view_mut());
                }
                state.apply(last, layout.v(out, last), product.as_view_mut());
                let mut residual = layout.u_mut(out, last);
                residual.copy_from(&self.sigma_yx);
                gemm_nt(Write::Add, product.as_view(), self.minus_sigma_x.as_view(), residual);
                for b in (1..=last).rev() {
                    let (above, mut here) = layout.u_pair(out, b, b - 1);
                    state.apply_transposed(b, above, here.as_view_mut());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;
    use proptest::prelude::*;

    use super::super::LinearObjective;
    use super::super::tests::problem;
    use super::*;
    use crate::objective::Objective;

    proptest! {
        /// In both orders, at weights that stand and at weights that a sum stands for.
        #[test]
        fn the_factors_multiply_to_the_descent(
            hidden in prop::collection::vec(8usize..20, 1..5), wide in 1usize..5, thin in 1usize..4, from_output: bool, seed in 0u64..1000,
        ) {
            let ends = if from_output { (wide, thin) } else { (thin, wide) };
            let widths: Vec<usize> = std::iter::once(ends.0).chain(hidden).chain([ends.1]).collect();
            let (architecture, data, theta) = problem(&widths, 12, seed);
            let order = if from_output { Order::FromOutput } else { Order::FromInput };
            let objective = LinearObjective::with_order(architecture, Moments::new(&data).unwrap(), 0.3, order);
            let field = LowRankDescent::of(&objective.chain, &objective.moments);
            let layout = field.layout();
            let formed = |sum: &LowRankSum<'_>| {
                let mut out = DVector::zeros(theta.len());
                sum.form(out.as_mut_slice());
                out
            };
            let zero = vec![0.0; theta.len()];
            let mut found = layout.factors();
            let mut agrees = |state: &LowRankSum<'_>| {
                field.factors(state, &mut found);
                let descent = formed(&LowRankSum { layout, base: &zero, scale: 0.0, weights: &[1.0], terms: std::slice::from_ref(&found) });
                let mut expected = theta.clone();
                objective.loss_gradient(&formed(state), &mut expected);
                let mut negative = theta.clone();
                objective.loss_descent(&formed(state), &mut negative);
                let close = |a: &DVector<f64>| (a + &expected).norm() <= 1e-11 * (1.0 + expected.norm());
                close(&descent) && close(&negative)
            };
            let mut state = LowRankSum { layout, base: theta.as_slice(), scale: 1.0, weights: &[], terms: &[] };
            prop_assert!(agrees(&state));
            let mut factors = layout.factors();
            field.factors(&state, &mut factors);
            state = LowRankSum { scale: 0.9, weights: &[0.01], terms: std::slice::from_ref(&factors), ..state };
            prop_assert!(agrees(&state));
        }
    }

    /// Two outputs, few weights and one layer have none.
    #[test]
    fn only_large_networks_with_gradients_of_rank_one_have_factors() {
        let has = |widths: &[usize]| {
            let (architecture, data, _) = problem(widths, 3, 0);
            LinearObjective::new(architecture, Moments::new(&data).unwrap(), 0.0).low_rank_descent().is_some()
        };
        assert!(has(&[100, 90, 1]) && has(&[1, 100, 90, 10]));
        assert!(!has(&[100, 90, 2]) && !has(&[10, 10, 1]) && !has(&[9000, 1]));
    }
}
