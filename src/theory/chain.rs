//! A chain of scalar layers, f(x) = w_L⋯w_1·x: the balance law reduces it to one scalar equation, whatever the start.
//!
//! w_{l+1}² − w_l² shrinks as e^{−2λt}, so that w_l² = w_m² + c_l·e^{−2λt} with c_l = w_l(0)² − w_m(0)² ≥ 0 for the smallest weight w_m, and
//! ẇ_m = (σ − x·Π_l w_l)·Π_{l≠m} w_l − λw_m. No other weight can change its sign unless it is as small as w_m.

/// The reduced equation from one start.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarChain {
    /// σ = mean of y·x.
    pub sigma: f64,
    /// x = mean of x².
    pub variance: f64,
    /// λ ≥ 0.
    pub weight_decay: f64,
    start: Vec<f64>,
    smallest: usize,
}

impl ScalarChain {
    /// From w_1, …, w_L. Only one of them may have the smallest absolute value.
    pub fn new(start: &[f64], sigma: f64, variance: f64, weight_decay: f64) -> Self {
        let smallest = (0..start.len()).min_by(|&i, &j| start[i].abs().total_cmp(&start[j].abs())).unwrap_or(0);
        Self { sigma, variance, weight_decay, start: start.to_vec(), smallest }
    }

    /// The index of w_m, counted from 0.
    pub fn smallest(&self) -> usize {
        self.smallest
    }

    /// w_1, …, w_L at time t, where w_m is `w`.
    pub fn weights(&self, t: f64, w: f64) -> Vec<f64> {
        let shrunk = (-2.0 * self.weight_decay * t).exp();
        let least = self.start[self.smallest];
        let weight = |(l, start): (usize, &f64)| {
            if l == self.smallest { w } else { (w * w + (start * start - least * least) * shrunk).sqrt().copysign(*start) }
        };
        self.start.iter().enumerate().map(weight).collect()
    }

    /// ẇ_m at time t, where w_m is `w`.
    pub fn velocity(&self, t: f64, w: f64) -> f64 {
        let weights = self.weights(t, w);
        let others: f64 = weights.iter().enumerate().filter(|(l, _)| *l != self.smallest).map(|(_, w)| w).product();
        (self.sigma - self.variance * others * w) * others - self.weight_decay * w
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short step of every weight along its own gradient, and one of the reduced equation.
    #[test]
    fn the_others_follow_the_smallest() {
        let start = [0.7, -0.2, -0.9, 1.1];
        let chain = ScalarChain::new(&start, 1.5, 0.8, 0.3);
        assert_eq!(chain.smallest(), 1);
        assert!(chain.weights(0.0, -0.2).iter().zip(start).all(|(w, s)| (w - s).abs() < 1e-15));
        let product: f64 = start.iter().product();
        let velocity = |w: f64| (1.5 - 0.8 * product) * product / w - 0.3 * w;
        assert!((chain.velocity(0.0, -0.2) - velocity(-0.2)).abs() < 1e-14);
        let h = 1e-6;
        let moved = chain.weights(h, -0.2 + h * chain.velocity(0.0, -0.2));
        for (after, before) in moved.iter().zip(start) {
            assert!(((after - before) / h - velocity(before)).abs() < 1e-5, "{after} {before}");
        }
    }
}
