use std::path::Path;

use super::*;
use crate::npz;

type Function = fn(f64) -> f64;

/// |f(x) − F(x)| in units in the last place of F(x), at its worst over the points of `elementary.npz` at which F(x) is normal.
fn worst(name: &str, f: impl Fn(f64) -> f64) -> f64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references/elementary.npz");
    let arrays = npz::read(&path).unwrap();
    let [x, high, low] = ["x", "high", "low"].map(|part| &arrays[&format!("{name}/{part}")].data);
    let mut worst: f64 = 0.0;
    for ((&x, &high), &low) in x.iter().zip(high).zip(low) {
        if high.abs() >= f64::MIN_POSITIVE {
            let unit = f64::from_bits(high.abs().to_bits() + 1) - high.abs();
            let off = ((f(x) - high) - low).abs() / unit;
            worst = worst.max(if off.is_nan() { f64::INFINITY } else { off });
        }
    }
    worst
}

#[test]
fn they_are_within_two_units_in_the_last_place() {
    let functions: [(&str, Function); 8] = [
        ("exp", exp),
        ("tanh", tanh),
        ("sigmoid", |x| sigmoid(x).0),
        ("softplus", softplus),
        ("erf", erf),
        ("swish", |x| x * sigmoid(x).0),
        ("normal", |x| normal(x).probability),
        ("gelu", |x| x * normal(x).probability),
    ];
    for (name, f) in functions {
        let worst = worst(name, f);
        assert!(worst <= 2.0, "{name} is {worst} units off");
    }
}

#[test]
fn nan_and_infinities_go_where_they_should() {
    let at = |f: Function| [f(f64::NEG_INFINITY), f(f64::INFINITY), f(-f64::MAX), f(f64::MAX)];
    assert_eq!(at(exp), [0.0, f64::INFINITY, 0.0, f64::INFINITY]);
    assert_eq!(at(tanh), [-1.0, 1.0, -1.0, 1.0]);
    assert_eq!(at(erf), [-1.0, 1.0, -1.0, 1.0]);
    assert_eq!(at(|x| sigmoid(x).0), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(at(|x| sigmoid(x).1), [0.0; 4]);
    assert_eq!(at(softplus)[1..], [f64::INFINITY, 0.0, f64::MAX]);
    assert_eq!(at(|x| normal(x).probability), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(at(|x| normal(x).density), [0.0; 4]);
    for f in [exp, tanh, erf, softplus, |x| sigmoid(x).0, |x| sigmoid(x).1, |x| normal(x).probability, |x| normal(x).density] {
        assert!(f(f64::NAN).is_nan());
    }
    assert!(tanh(-0.0).is_sign_negative() && erf(-0.0).is_sign_negative());
    // e^x overflows where it should, and its subnormals are there.
    assert!(exp(709.782712893384).is_finite() && exp(709.7827128933841) == f64::INFINITY);
    assert!(exp(-745.13) == f64::from_bits(1) && exp(-745.14) == 0.0);
}

/// Whatever the place of a number in a slice, whole vectors and what is left of them: the same bits.
#[test]
fn a_slice_has_the_bits_of_its_numbers() {
    use crate::network::Activation;
    for length in [0, 1, 15, 16, 17, 50] {
        let z: Vec<f64> = (0..length).map(|i| (f64::from(i) * 7.3).sin() * 30.0_f64.powf(f64::from(i % 5) - 2.0)).collect();
        for activation in Activation::ALL {
            let (mut all, mut slopes) = (z.clone(), vec![0.0; z.len()]);
            activation.value_and_slope(&mut all, &mut slopes);
            for (i, &z) in z.iter().enumerate() {
                let (mut one, mut slope) = ([z], [0.0]);
                activation.value_and_slope(&mut one, &mut slope);
                assert_eq!(
                    (one[0].to_bits(), slope[0].to_bits()),
                    (all[i].to_bits(), slopes[i].to_bits()),
                    "{activation:?} at {z}"
                );
            }
        }
    }
}
