//! σ, σ′, σ″ and σ‴ of each activation, over slices.
//!
//! | | σ(z) | σ′(z) | σ″(z) | σ‴(z) |
//! | --- | --- | --- | --- | --- |
//! | identity | z | 1 | 0 | 0 |
//! | relu | max(0, z) | 1 for z > 0, else 0 | 0 | 0 |
//! | leaky_relu | z for z > 0, else 0.01·z | 1 for z > 0, else 0.01 | 0 | 0 |
//! | tanh | tanh z | 1 − σ² | −2σσ′ | (6σ² − 2)σ′ |
//! | sigmoid | s = 1/(1 + e^{−z}) | p = s(1 − s) | p(1 − 2s) | p(1 − 6p) |
//! | gelu | zΦ(z) | Φ + zφ | (2 − z²)φ | z(z² − 4)φ |
//! | softplus | log(1 + e^z) | s | p | p(1 − 2s) |
//! | erf | erf z | 2/√π·e^{−z²} | −2zσ′ | (4z² − 2)σ′ |
//! | quadratic | z² | 2z | 2 | 0 |
//! | swish | z·s | s + z·p | p(2 + z(1 − 2s)) | p(3(1 − 2s) + z(1 − 6p)) |
//!
//! Φ and φ are the standard normal distribution and its density: gelu is Hendrycks & Gimpel's (arXiv 1606.08415) without an
//! approximation. Slopes are right to a few roundings of numbers of size 1, and those of sigmoid, softplus and erf to a few relative
//! roundings, however far out. At the kink z = 0 slopes are those of the left side, as in PyTorch; second and third derivatives ignore the kink.

use serde::{Deserialize, Serialize};

use crate::linalg::elementary::{self, Pointwise, erf_and_density, normal};

/// The function σ_l applied to each entry of a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// z: a linear layer.
    #[default]
    Identity,
    /// max(0, z).
    Relu,
    /// max(0.01·z, z): slope 0.01 below 0.
    LeakyRelu,
    /// tanh z.
    Tanh,
    /// 1/(1 + e^{−z}).
    Sigmoid,
    /// zΦ(z), Φ the standard normal distribution function.
    Gelu,
    /// log(1 + e^z).
    Softplus,
    /// erf z = 2/√π ∫₀ᶻ e^{−s²} ds.
    Erf,
    /// z².
    Quadratic,
    /// z·sigmoid(z).
    Swish,
}

impl Activation {
    /// Every one.
    #[cfg(any(test, feature = "python"))]
    pub(crate) const ALL: [Self; 10] = [
        Self::Identity,
        Self::Relu,
        Self::LeakyRelu,
        Self::Tanh,
        Self::Sigmoid,
        Self::Gelu,
        Self::Softplus,
        Self::Erf,
        Self::Quadratic,
        Self::Swish,
    ];

    /// Its word in the scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Gelu => "gelu",
            Self::Softplus => "softplus",
            Self::Erf => "erf",
            Self::Quadratic => "quadratic",
            Self::Swish => "swish",
        }
    }
}

/// Calls a function of `elementary` with the type of each activation.
macro_rules! dispatch {
    ($activation:expr, $function:ident($($slice:expr),*)) => {
        match $activation {
            Activation::Identity => elementary::$function::<Identity>($($slice),*),
            Activation::Relu => elementary::$function::<Relu>($($slice),*),
            Activation::LeakyRelu => elementary::$function::<LeakyRelu>($($slice),*),
            Activation::Tanh => elementary::$function::<Tanh>($($slice),*),
            Activation::Sigmoid => elementary::$function::<Sigmoid>($($slice),*),
            Activation::Gelu => elementary::$function::<Gelu>($($slice),*),
            Activation::Softplus => elementary::$function::<Softplus>($($slice),*),
            Activation::Erf => elementary::$function::<Erf>($($slice),*),
            Activation::Quadratic => elementary::$function::<Quadratic>($($slice),*),
            Activation::Swish => elementary::$function::<Swish>($($slice),*),
        }
    };
}

impl Activation {
    /// σ′ to the left of the kink at z = 0, of those that have one; to its right it is 1.
    pub fn kink(self) -> Option<f64> {
        match self {
            Activation::Relu => Some(0.0),
            Activation::LeakyRelu => Some(0.01),
            _ => None,
        }
    }

    /// z ← σ(z), entry by entry.
    pub fn value(self, z: &mut [f64]) {
        dispatch!(self, value(z));
    }

    /// z ← σ(z) and `slope` ← σ′(z), of one length.
    pub fn value_and_slope(self, z: &mut [f64], slope: &mut [f64]) {
        dispatch!(self, value_and_slope(z, slope));
    }

    /// z ← σ(z), `slope` ← σ′(z) and `bend` ← σ″(z), of one length.
    pub fn value_slope_and_bend(self, z: &mut [f64], slope: &mut [f64], bend: &mut [f64]) {
        dispatch!(self, value_slope_and_bend(z, slope, bend));
    }

    /// z ← σ(z), `slope` ← σ′(z), `bend` ← σ″(z) and `twist` ← σ‴(z), of one length.
    pub fn value_to_twist(self, z: &mut [f64], slope: &mut [f64], bend: &mut [f64], twist: &mut [f64]) {
        dispatch!(self, value_to_twist(z, slope, bend, twist));
    }
}

/// The type of one activation: σ, σ′, σ″ and σ‴ by what they share. Functions rather than closures, which are not always inlined.
macro_rules! activation {
    ($name:ident($z:ident), $value:expr, $slope:expr, $bend:expr, $twist:expr) => {
        struct $name;
        impl Pointwise for $name {
            #[inline(always)]
            fn value($z: f64) -> f64 {
                $value
            }
            #[inline(always)]
            fn slope($z: f64) -> [f64; 2] {
                $slope
            }
            #[inline(always)]
            fn bend($z: f64) -> [f64; 3] {
                $bend
            }
            #[inline(always)]
            fn twist($z: f64) -> [f64; 4] {
                $twist
            }
        }
    };
}

/// z, cut off far beyond where z·s(−|z|) and z·φ(z) become 0, so that they are not ∞·0 at infinity. NaN stays NaN.
#[inline(always)]
fn cut(z: f64) -> f64 {
    let z = if z > 1e3 { 1e3 } else { z };
    if z < -1e3 { -1e3 } else { z }
}

/// The same on the left only, for z times a distribution function.
#[inline(always)]
fn cut_left(z: f64) -> f64 {
    if z < -1e3 { -1e3 } else { z }
}

activation!(Identity(z), z, [z, 1.0], [z, 1.0, 0.0], [z, 1.0, 0.0, 0.0]);

// `z <= 0`, and its opposite rather than `z > 0`: a NaN goes through.
activation!(
    Relu(z),
    if z <= 0.0 { 0.0 } else { z },
    if z <= 0.0 { [0.0, 0.0] } else { [z, 1.0] },
    if z <= 0.0 { [0.0; 3] } else { [z, 1.0, 0.0] },
    if z <= 0.0 { [0.0; 4] } else { [z, 1.0, 0.0, 0.0] }
);

activation!(
    LeakyRelu(z),
    if z <= 0.0 { 0.01 * z } else { z },
    if z <= 0.0 { [0.01 * z, 0.01] } else { [z, 1.0] },
    if z <= 0.0 { [0.01 * z, 0.01, 0.0] } else { [z, 1.0, 0.0] },
    if z <= 0.0 { [0.01 * z, 0.01, 0.0, 0.0] } else { [z, 1.0, 0.0, 0.0] }
);

activation!(
    Tanh(z),
    elementary::tanh(z),
    {
        let h = elementary::tanh(z);
        [h, h.mul_add(-h, 1.0)]
    },
    {
        let [h, slope] = Tanh::slope(z);
        [h, slope, -2.0 * h * slope]
    },
    {
        let [h, slope, bend] = Tanh::bend(z);
        [h, slope, bend, slope * (6.0 * h * h - 2.0)]
    }
);

activation!(
    Sigmoid(z),
    elementary::sigmoid(z).0,
    {
        let (s, slope) = elementary::sigmoid(z);
        [s, slope]
    },
    {
        let (s, slope) = elementary::sigmoid(z);
        [s, slope, slope * (1.0 - 2.0 * s)]
    },
    {
        let (s, slope) = elementary::sigmoid(z);
        [s, slope, slope * (1.0 - 2.0 * s), slope * (1.0 - 6.0 * slope)]
    }
);

activation!(
    Gelu(z),
    cut_left(z) * normal(z).probability,
    {
        let normal = normal(z);
        [cut_left(z) * normal.probability, normal.probability + cut(z) * normal.density]
    },
    {
        let normal = normal(z);
        let near = cut(z);
        let slope = normal.probability + near * normal.density;
        [cut_left(z) * normal.probability, slope, (2.0 - near * near) * normal.density]
    },
    {
        let normal = normal(z);
        let near = cut(z);
        let (value, slope) = (cut_left(z) * normal.probability, normal.probability + near * normal.density);
        [value, slope, (2.0 - near * near) * normal.density, near * (near * near - 4.0) * normal.density]
    }
);

activation!(
    Softplus(z),
    elementary::softplus(z),
    [elementary::softplus(z), elementary::sigmoid(z).0],
    {
        let (s, slope) = elementary::sigmoid(z);
        [elementary::softplus(z), s, slope]
    },
    {
        let (s, slope) = elementary::sigmoid(z);
        [elementary::softplus(z), s, slope, slope * (1.0 - 2.0 * s)]
    }
);

activation!(
    Erf(z),
    elementary::erf(z),
    {
        let (value, density) = erf_and_density(z);
        [value, density]
    },
    {
        let (value, density) = erf_and_density(z);
        [value, density, -2.0 * cut(z) * density]
    },
    {
        let (value, density) = erf_and_density(z);
        let near = cut(z);
        [value, density, -2.0 * near * density, (4.0 * near * near - 2.0) * density]
    }
);

activation!(Quadratic(z), z * z, [z * z, 2.0 * z], [z * z, 2.0 * z, 2.0], [z * z, 2.0 * z, 2.0, 0.0]);

activation!(
    Swish(z),
    cut_left(z) * elementary::sigmoid(z).0,
    {
        let (s, slope) = elementary::sigmoid(z);
        [cut_left(z) * s, s + cut(z) * slope]
    },
    {
        let (s, slope) = elementary::sigmoid(z);
        let near = cut(z);
        [cut_left(z) * s, s + near * slope, slope * (2.0 + near * (1.0 - 2.0 * s))]
    },
    {
        let (s, slope) = elementary::sigmoid(z);
        let (near, lean) = (cut(z), 1.0 - 2.0 * s);
        let bend = slope * (2.0 + near * lean);
        [cut_left(z) * s, s + near * slope, bend, slope * (3.0 * lean + near * (1.0 - 6.0 * slope))]
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(activation: Activation, z: f64) -> [f64; 4] {
        let (mut value, mut slope, mut bend, mut twist) = ([z], [0.0], [0.0], [0.0]);
        activation.value_to_twist(&mut value, &mut slope, &mut bend, &mut twist);
        [value[0], slope[0], bend[0], twist[0]]
    }

    /// On both sides of 0 and in the tails; a kink is none of these points.
    #[test]
    fn each_derivative_is_that_of_the_one_before() {
        for activation in Activation::ALL {
            for z in [-30.0f64, -7.3, -2.2, -0.9, -0.013, 0.0037, 0.41, 1.3, 3.7, 12.0, 40.0] {
                let h = 2e-4 * f64::max(1.0, z.abs() / 8.0).min(10.0 * z.abs());
                let near = [-2.0, -1.0, 1.0, 2.0].map(|k| at(activation, z + k * h));
                let here = at(activation, z);
                for order in 0..3 {
                    let slope = (near[0][order] - near[3][order] + 8.0 * (near[2][order] - near[1][order])) / (12.0 * h);
                    let scale = here[order].abs() + here[order + 1].abs() + 1e-30;
                    let off = (slope - here[order + 1]).abs();
                    // Relative, or the rounding of a value of size 1, such as that of tanh and of its slope 1 − σ², over h.
                    assert!(off < 1e-10 * scale + 1e-11, "{activation:?} {order} at {z}: {slope} {here:?} {off:e}");
                }
            }
        }
    }

    #[test]
    fn derivatives_agree_whichever_are_asked_for_and_whatever_the_length() {
        for activation in Activation::ALL {
            for length in 0..20 {
                let z: Vec<f64> = (0..length).map(|i| 0.7 * i as f64 - 5.0).collect();
                let (mut a, mut b, mut c) = (z.clone(), z.clone(), z.clone());
                let (mut slope, mut other, mut bend) = (z.clone(), z.clone(), z.clone());
                activation.value(&mut a);
                activation.value_and_slope(&mut b, &mut slope);
                activation.value_slope_and_bend(&mut c, &mut other, &mut bend);
                assert!(a == b && b == c && slope == other, "{activation:?}");
                let (mut d, mut third, mut fourth, mut twist) = (z.clone(), z.clone(), z.clone(), z.clone());
                activation.value_to_twist(&mut d, &mut third, &mut fourth, &mut twist);
                assert!(a == d && slope == third && bend == fourth, "{activation:?}");
                for (i, &z) in z.iter().enumerate() {
                    assert_eq!(
                        [a[i], slope[i], bend[i], twist[i]],
                        at(activation, z),
                        "{activation:?}: a vector is its entries"
                    );
                }
            }
        }
    }

    #[test]
    fn kinks_infinities_and_nan_are_as_the_table_has_them() {
        assert_eq!(at(Activation::Relu, 0.0), [0.0; 4]);
        assert_eq!(at(Activation::LeakyRelu, 0.0), [0.0, 0.01, 0.0, 0.0]);
        for activation in Activation::ALL {
            assert!(at(activation, f64::NAN)[0].is_nan(), "{activation:?}");
            let limits = [f64::NEG_INFINITY, f64::INFINITY].map(|z| at(activation, z));
            assert!(!limits.iter().flatten().any(|x| x.is_nan()), "{activation:?}: {limits:?}");
        }
        assert_eq!([Activation::Swish, Activation::Gelu].map(|a| at(a, f64::NEG_INFINITY)[0].abs()), [0.0; 2]);
    }
}
