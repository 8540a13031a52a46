//! Vector fields: F of θ̇ = F(t, θ), θ ∈ ℝ^P, and what else a method may ask of them.

use nalgebra::DVector;

use super::{LowRank, Switching};

/// The right-hand side F of θ̇ = F(t, θ), θ ∈ ℝ^P.
pub trait VectorField {
    /// P.
    fn dim(&self) -> usize;

    /// dθ ← F(t, θ); both vectors have length P. Does not allocate after its first call.
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>);

    /// Products with ∂F/∂θ; without them, methods that need them take differences of F.
    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        None
    }

    /// The λ of a linear term −λθ in F, which methods in the variables e^{λt}θ integrate exactly; 0 if F has none.
    fn decay(&self) -> f64 {
        0.0
    }

    /// The low-rank form of F + λθ, for the λ of [`VectorField::decay`]; `None` if the field has none, or gains nothing by it. A field that
    /// has one is autonomous.
    fn low_rank(&self) -> Option<&dyn LowRank> {
        None
    }

    /// The surfaces across which F jumps, if the field can hold a state on them; `None` if it is smooth or does not know them.
    fn switching(&self) -> Option<&dyn Switching> {
        None
    }

    /// Whether a method of high order pays off at tight tolerances: F has all the derivatives on which such a method relies, and its
    /// evaluations cost much more than a method's own passes over vectors of length P. [`auto`](super::auto) then takes one, and where a product
    /// with the Jacobian costs more than an evaluation, estimates of the spectral radius take differences of F instead.
    fn favours_high_order(&self) -> bool {
        false
    }

    /// The cost of one evaluation, in gradients of the objective behind the field.
    fn evaluation_cost(&self) -> u64 {
        1
    }
}

/// Products with the Jacobian of a field.
pub trait JacobianProducts {
    /// jv ← (∂F/∂θ)(t, θ)·v; all vectors have length P. Does not allocate after its first call.
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>);

    /// The cost of one product, in gradients of the objective behind the field.
    fn product_cost(&self) -> u64 {
        2
    }
}

/// A field made of a closure: [`field`].
pub struct Field<F> {
    dim: usize,
    eval: F,
}

/// A field made of two closures: [`Field::with_jacobian`].
pub struct FieldWithJacobian<F, J> {
    field: Field<F>,
    product: J,
}

/// The field F on states of length `dim`, where `eval` writes dθ ← F(t, θ).
pub fn field<F: Fn(f64, &DVector<f64>, &mut DVector<f64>)>(dim: usize, eval: F) -> Field<F> {
    Field { dim, eval }
}

impl<F: Fn(f64, &DVector<f64>, &mut DVector<f64>)> Field<F> {
    /// The same with products jv ← (∂F/∂θ)(t, θ)·v, which `product` writes from (t, θ, v).
    pub fn with_jacobian<J>(self, product: J) -> FieldWithJacobian<F, J>
    where
        J: Fn(f64, &DVector<f64>, &DVector<f64>, &mut DVector<f64>),
    {
        FieldWithJacobian { field: self, product }
    }
}

impl<F: Fn(f64, &DVector<f64>, &mut DVector<f64>)> VectorField for Field<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        (self.eval)(t, theta, dtheta);
    }
}

impl<F, J> VectorField for FieldWithJacobian<F, J>
where
    F: Fn(f64, &DVector<f64>, &mut DVector<f64>),
    J: Fn(f64, &DVector<f64>, &DVector<f64>, &mut DVector<f64>),
{
    fn dim(&self) -> usize {
        self.field.dim
    }

    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.field.eval(t, theta, dtheta);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl<F, J: Fn(f64, &DVector<f64>, &DVector<f64>, &mut DVector<f64>)> JacobianProducts for FieldWithJacobian<F, J> {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        (self.product)(t, theta, v, jv);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::testing::METHODS;
    use crate::ode::{Limits, Tolerance, auto};

    /// θ̇ = −Aθ + sin t with eigenvalues from 1 to 1,000: `auto` has to find that it is stiff.
    fn eval(t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = -theta[0] + t.sin();
        dtheta[1] = -1000.0 * theta[1] + theta[0];
    }

    fn product(_: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = -v[0];
        jv[1] = -1000.0 * v[1] + v[0];
    }

    fn end(field: impl VectorField) -> (DVector<f64>, u64) {
        let limits = Limits { t_end: 20.0, ..Limits::default() };
        let mut method = auto(field, Tolerance { rtol: 1e-6, atol: 1e-9 }, limits).unwrap();
        let mut state = DVector::from_element(2, 1.0);
        let segment = method.advance(0.0, 20.0, &mut state).unwrap();
        assert_eq!(segment.stop, None);
        (state, segment.work.evaluations)
    }

    /// Without products a stiff flow is still recognised, at about as many gradients.
    #[test]
    fn differences_stand_in_for_products() {
        let (exact, gradients) = end(field(2, eval).with_jacobian(product));
        let (by_differences, more) = end(field(2, eval));
        assert!((&exact - &by_differences).norm() < 1e-5 * exact.norm(), "{exact} {by_differences}");
        assert!(more < gradients * 11 / 10, "{gradients} {more}");
        // Where stability alone sets the step, an explicit method takes some 1000·20/3 steps of several evaluations.
        assert!(more < 10_000, "{more}");
    }

    #[test]
    fn every_method_takes_a_closure() {
        for (name, make) in METHODS {
            let constant = field(1, |t: f64, _: &DVector<f64>, out: &mut DVector<f64>| out[0] = t.cos());
            let mut method = make(&constant, Tolerance { rtol: 1e-8, atol: 1e-10 }, Limits::default());
            let mut state = DVector::zeros(1);
            method.advance(0.0, 1.0, &mut state).unwrap();
            assert!((state[0] - 1f64.sin()).abs() < 1e-6, "{name}: {}", state[0]);
        }
    }
}
