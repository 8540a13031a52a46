//! Differences along a direction.

use nalgebra::DVector;

/// h ‖v‖ = ∛ε(1 + ‖x‖): where truncation and rounding of a central difference at x along v are about as large, and some ten digits are right.
/// Infinite for v = 0.
pub fn difference_step(x: &DVector<f64>, v: &DVector<f64>) -> f64 {
    f64::EPSILON.cbrt() * (1.0 + x.norm()) / v.norm()
}

/// `out` ← (F(x + hv) − F(x − hv))/2h, the derivative of F at x along v, h by [`difference_step`]; 0 for v = 0. `f` writes F(x), given x.
/// Allocates only where `scratch` is not of the length of x.
pub fn difference(
    x: &DVector<f64>,
    v: &DVector<f64>,
    out: &mut DVector<f64>,
    scratch: &mut [DVector<f64>; 2],
    mut f: impl FnMut(&DVector<f64>, &mut DVector<f64>),
) {
    let h = difference_step(x, v);
    if !h.is_finite() {
        return out.fill(0.0);
    }
    for vector in scratch.iter_mut().filter(|vector| vector.len() != x.len()) {
        *vector = DVector::zeros(x.len());
    }
    let [moved, back] = scratch;
    moved.copy_from(x);
    moved.axpy(h, v, 1.0);
    f(moved, out);
    moved.copy_from(x);
    moved.axpy(-h, v, 1.0);
    f(moved, back);
    *out -= &*back;
    *out /= 2.0 * h;
}

/// `out` ← (F(x + hv) − F(x))/h for `fx` = F(x), with h‖v‖ = √ε(1 + ‖x‖): the derivative of F at x along v to some seven digits, for one
/// evaluation; 0 for v = 0. `f` writes F(x), given x. Allocates only where `moved` is not of the length of x.
pub fn one_sided_difference(
    x: &DVector<f64>,
    fx: &DVector<f64>,
    v: &DVector<f64>,
    out: &mut DVector<f64>,
    moved: &mut DVector<f64>,
    f: impl FnOnce(&DVector<f64>, &mut DVector<f64>),
) {
    let h = f64::EPSILON.sqrt() * (1.0 + x.norm()) / v.norm();
    if !h.is_finite() {
        return out.fill(0.0);
    }
    if moved.len() != x.len() {
        *moved = DVector::zeros(x.len());
    }
    moved.copy_from(x);
    moved.axpy(h, v, 1.0);
    f(moved, out);
    *out -= fx;
    *out /= h;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of F(x) = (x_0², x_0x_1) along v: (2x_0v_0, v_0x_1 + x_0v_1), whatever the size of v.
    #[test]
    fn it_is_the_derivative_to_ten_digits() {
        let f = |x: &DVector<f64>, out: &mut DVector<f64>| {
            (out[0], out[1]) = (x[0] * x[0], x[0] * x[1]);
        };
        let (x, mut scratch) = (DVector::from_vec(vec![3.0, -2.0]), [(); 2].map(|()| DVector::zeros(0)));
        for size in [1e-8, 1.0, 1e8] {
            let (v, mut out) = (DVector::from_vec(vec![size, 2.0 * size]), DVector::zeros(2));
            difference(&x, &v, &mut out, &mut scratch, f);
            let exact = DVector::from_vec(vec![6.0 * size, 4.0 * size]);
            assert!((&out - &exact).norm() < 1e-9 * exact.norm(), "{out}");
        }
        let mut out = DVector::from_element(2, f64::NAN);
        difference(&x, &DVector::zeros(2), &mut out, &mut scratch, f);
        assert_eq!(out, DVector::zeros(2));
    }

    #[test]
    fn one_evaluation_yields_seven_digits() {
        let f = |x: &DVector<f64>, out: &mut DVector<f64>| {
            (out[0], out[1]) = (x[0] * x[0], x[0] * x[1]);
        };
        let (x, mut moved) = (DVector::from_vec(vec![3.0, -2.0]), DVector::zeros(0));
        let fx = DVector::from_vec(vec![9.0, -6.0]);
        for size in [1e-8, 1.0, 1e8] {
            let (v, mut out) = (DVector::from_vec(vec![size, 2.0 * size]), DVector::zeros(2));
            one_sided_difference(&x, &fx, &v, &mut out, &mut moved, f);
            let exact = DVector::from_vec(vec![6.0 * size, 4.0 * size]);
            assert!((&out - &exact).norm() < 1e-7 * exact.norm(), "{out}");
        }
        let mut out = DVector::from_element(2, f64::NAN);
        one_sided_difference(&x, &fx, &DVector::zeros(2), &mut out, &mut moved, f);
        assert_eq!(out, DVector::zeros(2));
    }
}
