//! The decay above which a mode dies: λ_c = (σ(L−2)/((2L−2)x))^{(L−2)/L}·σL/(2L−2).
//!
//! A mode rests at u > 0 where u^{L−2}(σ − x·u^L) = λ. The left side is largest, λ_c, at u^L = σ(L−2)/((2L−2)x): for λ above it u = 0 is
//! the only fixed point; below it there are two more for L ≥ 3, the larger one stable, and one for L ≤ 2.

use super::Mode;

impl Mode {
    /// λ_c: σ for L = 2; infinite for L = 1, where no decay kills a mode.
    pub fn threshold(&self) -> f64 {
        if self.depth == 1 {
            return f64::INFINITY;
        }
        let depth = f64::from(self.depth);
        self.crest().powf(depth - 2.0) * self.sigma * depth / (2.0 * depth - 2.0)
    }

    /// The stable u > 0 at which the mode rests, to rounding; none from the threshold on.
    pub fn stationary(&self) -> Option<f64> {
        if self.weight_decay >= self.threshold() {
            return None;
        }
        // Between the crest and the root of σ − x·u^L, u̇/u falls: bisect to the last bit.
        let (mut low, mut high) = (self.crest(), (self.sigma / self.variance).powf(1.0 / f64::from(self.depth)));
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Some(high);
            }
            if self.velocity(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    /// Where u^{L−2}(σ − x·u^L) is largest; 0 for L ≤ 2.
    fn crest(&self) -> f64 {
        let depth = f64::from(self.depth);
        if self.depth < 3 {
            return 0.0;
        }
        (self.sigma * (depth - 2.0) / ((2.0 * depth - 2.0) * self.variance)).powf(1.0 / depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(depth: u32, weight_decay: f64) -> Mode {
        Mode { depth, sigma: 1.0, variance: 1.0, weight_decay }
    }

    #[test]
    fn the_thresholds_of_a_unit_mode() {
        for (depth, expected) in [(2, 1.0), (3, 0.47247), (4, 0.38490)] {
            assert!((mode(depth, 0.0).threshold() - expected).abs() < 5e-6, "L = {depth}");
        }
    }

    /// Just below the threshold the mode rests, and nearby it is drawn there; above it shrinks at every u.
    #[test]
    fn below_the_threshold_a_mode_rests_and_above_it_dies() {
        for depth in 2..7 {
            for (sigma, variance) in [(1.0, 1.0), (2.5, 0.3), (0.2, 4.0)] {
                let with = |factor: f64| {
                    let free = Mode { depth, sigma, variance, weight_decay: 0.0 };
                    Mode { weight_decay: factor * free.threshold(), ..free }
                };
                let lives = with(0.99);
                let u = lives.stationary().unwrap();
                assert!(lives.velocity(u).abs() < 1e-14 * sigma.max(1.0), "{lives:?} {u}");
                assert!(lives.velocity(0.999 * u) > 0.0 && lives.velocity(1.001 * u) < 0.0, "{lives:?} {u}");
                let dies = with(1.01);
                assert_eq!(dies.stationary(), None);
                assert!((1..1000).all(|i| dies.velocity(0.01 * f64::from(i)) < 0.0), "{dies:?}");
            }
        }
    }

    /// L = 1: u = σ/(x + λ).
    #[test]
    fn one_layer_always_rests() {
        let mode = Mode { depth: 1, sigma: 2.0, variance: 0.5, weight_decay: 3.5 };
        assert!((mode.stationary().unwrap() - 0.5).abs() < 1e-15);
    }
}
