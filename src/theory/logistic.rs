//! Two layers: s(t) = c·s_0·e^{2ct}/(c + x·s_0(e^{2ct} − 1)), c = σ − λ, the solution of ṡ = 2s(c − x·s).
//!
//! Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014, with
//! decay.

use super::Mode;

/// s(t), the singular value of W_2W_1 that belongs to `mode` (of depth 2), from s(0) = `start` ≥ 0 at t ≥ 0. Neither overflows for large t
/// nor cancels where c is small.
pub fn logistic(mode: &Mode, start: f64, t: f64) -> f64 {
    let c = mode.sigma - mode.weight_decay;
    // s_0/(e^{−2ct} + x·s_0·(1 − e^{−2ct})/c); the quotient is 2t at c = 0.
    let shrunk = (-2.0 * c * t).exp();
    let grown = if c == 0.0 { 2.0 * t } else { -(-2.0 * c * t).exp_m1() / c };
    start / (shrunk + mode.variance * start * grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(sigma: f64, weight_decay: f64) -> Mode {
        Mode { depth: 2, sigma, variance: 0.6, weight_decay }
    }

    /// ṡ = 2s(c − xs), by central differences, whatever the sign of c.
    #[test]
    fn it_solves_its_equation() {
        for (sigma, decay) in [(1.0, 0.0), (1.0, 0.3), (0.5, 0.5), (0.5, 0.5 + 1e-9), (0.4, 1.2)] {
            let mode = mode(sigma, decay);
            assert!((logistic(&mode, 0.3, 0.0) - 0.3).abs() < 1e-16);
            for t in [0.1, 1.0, 5.0] {
                let (h, s) = (1e-4, logistic(&mode, 0.3, t));
                let slope = (logistic(&mode, 0.3, t + h) - logistic(&mode, 0.3, t - h)) / (2.0 * h);
                assert!((slope - 2.0 * s * (sigma - decay - 0.6 * s)).abs() < 1e-8, "{mode:?} at {t}");
                // u = √s obeys the mode equation.
                assert!((slope / (2.0 * s.sqrt()) - mode.velocity(s.sqrt())).abs() < 1e-8, "{mode:?} at {t}");
            }
        }
    }

    #[test]
    fn it_ends_where_it_should() {
        assert!((logistic(&mode(1.0, 0.1), 1e-6, 1e6) - 0.9 / 0.6).abs() < 1e-15);
        assert_eq!(logistic(&mode(0.1, 1.0), 0.5, 1e6), 0.0);
        assert_eq!(logistic(&mode(1.0, 0.1), 0.0, 10.0), 0.0);
    }
}
