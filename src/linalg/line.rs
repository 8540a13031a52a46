//! The straight line through points, by least squares, with the confidence interval of its slope that the scatter of the points leaves.

/// y ≈ level + slope·(x − x̄).
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The slope.
    pub slope: f64,
    /// Half the 95 % interval of the slope by Student's t.
    pub half_width: f64,
    /// x̄, the mean of the x.
    pub x_mean: f64,
    /// ȳ, the height at x̄.
    pub level: f64,
}

impl Line {
    /// The line through the points (x_i, y_i); `None` for fewer than three, if all x are equal, or if a coordinate is not finite.
    pub fn through(x: &[f64], y: &[f64]) -> Option<Self> {
        let count = x.len().min(y.len());
        if count < 3 {
            return None;
        }
        let mean = |values: &[f64]| values[..count].iter().sum::<f64>() / count as f64;
        let (x_mean, level) = (mean(x), mean(y));
        let slope: f64 = slope_weights(&x[..count]).iter().zip(y).map(|(c, y)| c * (y - level)).sum();
        let spread: f64 = x[..count].iter().map(|x| (x - x_mean).powi(2)).sum();
        let off: f64 = x.iter().zip(y).map(|(x, y)| (y - level - slope * (x - x_mean)).powi(2)).sum();
        let freedom = count - 2;
        let half_width = student_t(freedom) * (off / freedom as f64 / spread).sqrt();
        (slope.is_finite() && half_width.is_finite()).then_some(Self { slope, half_width, x_mean, level })
    }
}

/// c with slope = Σ c_i y_i: c_i = (x_i − x̄)/Σ(x_j − x̄)². Errors |δy_i| ≤ e_i move the slope by Σ|c_i|e_i at most.
pub fn slope_weights(x: &[f64]) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let spread: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    x.iter().map(|x| (x - mean) / spread).collect()
}

/// t with P(|T| ≤ t) = 0.95 for Student's T of `freedom` ≥ 1 degrees of freedom, by bisection of the finite sums in θ = arctan(t/√ν) of
/// Abramowitz & Stegun, 26.7.3 and 26.7.4.
fn student_t(freedom: usize) -> f64 {
    let odd = freedom % 2 == 1;
    let within = |theta: f64| {
        let (sin, cos) = theta.sin_cos();
        // cosθ + ⅔cos³θ + … or 1 + ½cos²θ + …, up to cos^{ν−2}θ: the term of cosᵏθ is the one before it times cos²θ·(k − 1)/k.
        let mut term = if odd { cos } else { 1.0 };
        let mut sum = if freedom == 1 { 0.0 } else { term };
        for k in (if odd { 3 } else { 2 }..freedom - 1).step_by(2) {
            term *= cos * cos * (k - 1) as f64 / k as f64;
            sum += term;
        }
        if odd { std::f64::consts::FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
    };
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if within(middle) < 0.95 { low = middle } else { high = middle }
    }
    (freedom as f64).sqrt() * low.tan()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of any textbook.
    #[test]
    fn students_quantiles_are_the_textbooks() {
        for (freedom, t) in
            [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (10, 2.2281), (11, 2.2010), (30, 2.0423)]
        {
            assert!((student_t(freedom) - t).abs() < 1e-4, "{freedom}: {}", student_t(freedom));
        }
    }

    #[test]
    fn a_line_is_found_and_three_points_are_needed() {
        let x = [0.0, 1.0, 2.5, 4.0];
        let y = x.map(|x| 3.0 - 0.5 * x);
        let line = Line::through(&x, &y).unwrap();
        assert!((line.slope + 0.5).abs() < 1e-15 && line.half_width < 1e-14, "{line:?}");
        assert!((line.level + line.slope * (0.0 - line.x_mean) - 3.0).abs() < 1e-14);
        assert_eq!(Line::through(&x[..2], &y[..2]), None);
        assert_eq!(Line::through(&[1.0; 4], &y), None);
        assert_eq!(Line::through(&x, &[1.0, f64::NAN, 1.0, 1.0]), None);
    }

    /// The slope moves by Σ|c_i|e_i where every error has the sign of its weight, and by no more otherwise.
    #[test]
    fn the_weights_carry_errors_to_the_slope() {
        let (x, e) = ([0.0, 1.0, 2.5, 4.0], [0.1, 0.0, 0.2, 0.05]);
        let c = slope_weights(&x);
        let most: f64 = c.iter().zip(&e).map(|(c, e)| c.abs() * e).sum();
        let moved: Vec<f64> = c.iter().zip(&e).map(|(c, e)| c.signum() * e).collect();
        assert!((Line::through(&x, &moved).unwrap().slope - most).abs() < 1e-15);
        assert!(Line::through(&x, &e).unwrap().slope.abs() < most);
    }
}
