//! Products with the Hessian and third derivatives of a loss that is quadratic in P = W_L⋯W_1, from its gradient and from ∂²ℒ/∂P².

use std::cell::RefCell;

use nalgebra::DVector;

use super::hessian::Tangent;
use super::third::Second;
use super::{Chain, Close, Scratch};

/// What they need beside the gradient: made when first asked for.
#[derive(Default)]
pub(in crate::objective) struct Derivatives {
    tangent: RefCell<Option<Tangent>>,
    second: RefCell<Option<Second>>,
}

impl Derivatives {
    /// `hv` ← ∇²ℒ(θ)·v. `carry` forms the products of the gradient, which it writes to its last argument; `curve` writes Ṙ, given Ṗ.
    pub(in crate::objective) fn hessian_product(
        &self,
        chain: &Chain,
        carry: impl FnOnce(&mut Scratch, &[f64], &mut [f64]),
        curve: Close,
        [theta, v]: [&DVector<f64>; 2],
        hv: &mut DVector<f64>,
    ) {
        let mut tangent = self.tangent.borrow_mut();
        let tangent = tangent.get_or_insert_with(|| Tangent::new(chain));
        tangent.settle(theta, |base| carry(base, theta.as_slice(), hv.as_mut_slice()));
        tangent.product(chain, curve, v.as_slice(), hv.as_mut_slice());
    }

    /// `out` ← D³ℒ(θ)[u, v], likewise.
    pub(in crate::objective) fn third_derivative(
        &self,
        chain: &Chain,
        carry: impl FnOnce(&mut Scratch, &[f64], &mut [f64]),
        curve: Close,
        [theta, u, v]: [&DVector<f64>; 3],
        out: &mut DVector<f64>,
    ) {
        let mut tangent = self.tangent.borrow_mut();
        let tangent = tangent.get_or_insert_with(|| Tangent::new(chain));
        let mut second = self.second.borrow_mut();
        let second = second.get_or_insert_with(|| Second::new(chain));
        tangent.settle(theta, |base| carry(base, theta.as_slice(), out.as_mut_slice()));
        second.form(chain, curve, tangent, [u.as_slice(), v.as_slice()], out.as_mut_slice());
    }
}
