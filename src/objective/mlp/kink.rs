//! Slopes averaged at kinks, so that a flow can slide along them.
//!
//! Where a sample lies on the kink of a neuron and the fields of both sides point towards it, θ̇ = −∇J(θ) has no classical solution. Its
//! solutions in the sense of Filippov (*Differential Equations with Discontinuous Righthand Sides*, 1988, §4) stay on the kink, with a slope
//! s between those of its sides such that the sample's z does. Here the slope goes from one side's to the other's in a straight line over
//! |z| ≤ ε, and finds that s by itself: a field whose values are averages of those within ε of θ, the solutions of which tend to Filippov's
//! with ε → 0 (§7, theorem 1 of the same book). With σ(z) = s(z)·z, off by ε/8 at most, what kinked layers conserve stays conserved to
//! the letter, for aσ(z) = w·∂(aσ)/∂w. Across a kink that is passed at once the average does what the jump does, up to ε².

use nalgebra::DVector;

use super::MlpObjective;
use super::tape::{Keep, Tape, is_identity};
use crate::objective::OnKink;

/// σ of slope `left` before z = 0 and 1 beyond, averaged over |z| ≤ `width`: `slope` ← s(z), `bend` ← s′(z), z ← z·s(z). Slopes and
/// bends that are not wanted are empty.
pub(super) fn average(left: f64, width: f64, z: &mut [f64], slope: &mut [f64], bend: &mut [f64]) {
    let rise = (1.0 - left) / (2.0 * width);
    // A NaN goes through.
    let at = |z: f64| (left + rise * (z + width)).clamp(left, 1.0);
    slope.iter_mut().zip(&*z).for_each(|(slope, &z)| *slope = at(z));
    bend.iter_mut().zip(&*z).for_each(|(bend, &z)| *bend = if z.abs() < width { rise } else { 0.0 });
    z.iter_mut().for_each(|z| *z *= at(*z));
}

impl MlpObjective {
    /// This objective with its kinks averaged over `kink` times the root mean square of their layer's outputs at `start`; `None` if no layer
    /// has a kink.
    pub(super) fn with_averaged_kinks(&self, start: &DVector<f64>, kink: f64) -> Option<Self> {
        let net = &self.condensed.net;
        let kinked = |l: usize| net.activation(l).kink().is_some();
        if !(1..=net.depth()).any(kinked) {
            return None;
        }
        let mut squares = vec![0.0; net.depth()];
        self.each_block(start, &[], |tape, rows, _| {
            for (l, sum) in squares.iter_mut().enumerate() {
                *sum += tape.states[l][..rows * net.widths()[l + 1]].iter().map(|h| h * h).sum::<f64>();
            }
        });
        let width = |(l, sum): (usize, f64)| {
            let mean = sum / (self.samples * net.widths()[l + 1]) as f64;
            if kinked(l + 1) { kink * mean.sqrt() } else { 0.0 }
        };
        let kinks = squares.into_iter().enumerate().map(width).collect();
        Some(Self { kinks, ..self.clone() })
    }

    /// Where z lies within the width over which a kink is averaged.
    pub(super) fn find_on_kinks(&self, theta: &DVector<f64>) -> Vec<OnKink> {
        let net = &self.condensed.net;
        let mut found = Vec::new();
        if self.kinks.is_empty() {
            return found;
        }
        self.each_block(theta, &self.kinks, |tape, rows, first| {
            for l in (1..=net.depth()).filter(|&l| !is_identity(net, l)) {
                let Some(left) = net.activation(l).kink() else { continue };
                let slopes = tape.slopes[l - 1][..rows * net.widths()[l]].iter().enumerate();
                for (k, &slope) in slopes.filter(|(_, slope)| left < **slope && **slope < 1.0) {
                    let layer = *self.condensed.layers(l).end();
                    found.push(OnKink { layer, neuron: k / rows, sample: first + k % rows, slope });
                }
            }
        });
        found
    }

    /// Every block on its way up, with its number of rows and its first sample.
    fn each_block(&self, theta: &DVector<f64>, kinks: &[f64], mut look: impl FnMut(&Tape, usize, usize)) {
        let (condensed, net) = (&self.condensed, &self.condensed.net);
        let mut state = condensed.state();
        condensed.rise(&mut state, theta.as_slice());
        let weights = condensed.values(&state, theta.as_slice());
        let mut tape = Tape::new(net, self.division.rows, Keep::Slopes).averaging(kinks);
        let mut first = 0;
        for block in &*self.blocks {
            tape.up(net, weights, block.part(), Keep::Slopes);
            look(&tape, block.x.nrows(), first);
            first += block.x.nrows();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nalgebra::DMatrix;

    use super::*;
    use crate::data::Dataset;
    use crate::network::{Activation, Architecture};
    use crate::objective::{Loss, Objective};
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// f(x) = a[w·x]_+ on x_1 = e_1 with the label −3, and x_2 = (1, 1) with the label 1, from w = (0, 0.3) and a = 0.3. Sample 2 pushes
    /// w_1 up, sample 1 down as soon as it is positive: it stays 0, and a = w_2 learn sample 2 alone.
    fn sliding() -> (MlpObjective, DVector<f64>) {
        let net = Architecture::with_layers(&[2, 1, 1], &[Activation::Relu, Activation::Identity], &[false, false]);
        let data =
            Dataset { x: DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 1.0, 1.0]), y: DMatrix::from_row_slice(2, 1, &[-3.0, 1.0]) };
        (MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.0), DVector::from_vec(vec![0.0, 0.3, 0.3]))
    }

    /// aw_2 at time t, a logistic: its rate is (1 − s)s.
    fn learned(t: f64) -> f64 {
        let s0 = 0.09;
        s0 * t.exp() / (1.0 + s0 * (t.exp() - 1.0))
    }

    /// The classical method of order 4 at a step that resolves what is left of the jump.
    fn flown(objective: &MlpObjective, start: &DVector<f64>, t: f64, step: f64) -> DVector<f64> {
        let field = |theta: &DVector<f64>| {
            let mut gradient = theta.clone();
            objective.gradient(theta, &mut gradient);
            -gradient
        };
        let (mut theta, steps) = (start.clone(), (t / step).round() as usize);
        for _ in 0..steps {
            let k1 = field(&theta);
            let k2 = field(&(&theta + &k1 * (0.5 * step)));
            let k3 = field(&(&theta + &k2 * (0.5 * step)));
            let k4 = field(&(&theta + &k3 * step));
            theta += (k1 + (k2 + k3) * 2.0 + k4) * (step / 6.0);
        }
        theta
    }

    /// Against the closed form of Filippov's solution, in the first order of the width; and its slope, −(s − 1)/3, which makes ẇ_1 vanish.
    #[test]
    fn a_flow_slides_along_a_kink_as_filippov_has_it() {
        let (objective, start) = sliding();
        let t = 2.0;
        let off = |kink: f64| {
            let averaged = objective.with_averaged_kinks(&start, kink).unwrap();
            let end = flown(&averaged, &start, t, 2e-4);
            let found = averaged.find_on_kinks(&end);
            assert_eq!(found.iter().map(|on| (on.layer, on.neuron, on.sample)).collect::<Vec<_>>(), [(1, 0, 0)]);
            assert!((found[0].slope - (1.0 - learned(t)) / 3.0).abs() < 10.0 * kink, "{found:?}");
            // What the layer conserves: a² − ‖w‖², in the middle of the average too.
            let mut gradient = end.clone();
            averaged.gradient(&end, &mut gradient);
            assert!((end[2] * gradient[2] - end[0] * gradient[0] - end[1] * gradient[1]).abs() < 1e-15);
            (end[2] * end[1] - learned(t)).abs()
        };
        let errors = [1e-2, 1e-3].map(off);
        let order = (errors[0] / errors[1]).log10();
        assert!(errors[1] < 1e-3 && (order - 1.0).abs() < 0.2, "{errors:?}");
        // Control: of the jump no step of such length makes anything of the kind, and nothing is said to slide.
        let end = flown(&objective, &start, t, 0.1);
        let off = (end[2] * end[1] - learned(t)).abs();
        assert!(off > 10.0 * errors[1], "{off}");
        assert!(objective.find_on_kinks(&end).is_empty());
    }

    /// Beyond the width nothing changes, to the bit; within it every value lies between those of the two sides.
    #[test]
    fn the_average_is_of_the_two_sides() {
        let (slope, bend) = (&mut [f64::NAN; 7], &mut [f64::NAN; 7]);
        for left in [0.0, 0.01] {
            let mut z = [-2.0, -0.2, -0.05, 0.0, 0.05, 0.2, 2.0];
            average(left, 0.1, &mut z, slope, bend);
            assert_eq!((slope[0], slope[1], slope[5], slope[6]), (left, left, 1.0, 1.0));
            assert_eq!((z[0], z[6], bend[0], bend[6]), (-2.0 * left, 2.0, 0.0, 0.0));
            assert!((slope[3] - 0.5 * (1.0 + left)).abs() < 1e-15 && slope.is_sorted());
            // Off by an eighth of the width at most.
            let sharp = [-2.0, -0.2, -0.05, 0.0, 0.05, 0.2, 2.0f64].map(|z| if z > 0.0 { z } else { left * z });
            assert!(z.iter().zip(sharp).all(|(a, b)| (a - b).abs() <= 0.1 / 8.0 + 1e-15));
        }
        let mut z = [f64::NAN];
        average(0.0, 0.1, &mut z, &mut [], &mut []);
        assert!(z[0].is_nan());

        let rng = &mut stream(2, Purpose::Inputs);
        let net = Architecture::with_layers(
            &[3, 8, 5, 1],
            &[Activation::LeakyRelu, Activation::Relu, Activation::Identity],
            &[true; 3],
        );
        let data = Dataset { x: gaussian_matrix(40, 3, rng), y: gaussian_matrix(40, 1, rng) };
        let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0).into_owned();
        let sharp = MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.1);
        let averaged = sharp.with_averaged_kinks(&theta, 1e-9).unwrap();
        let gradient = |objective: &MlpObjective| {
            let mut gradient = theta.clone();
            objective.gradient(&theta, &mut gradient);
            gradient
        };
        assert_eq!(gradient(&sharp), gradient(&averaged));
        let smooth = Architecture::with_layers(&[2, 3, 1], &[Activation::Tanh, Activation::Identity], &[false; 2]);
        let data = Dataset { x: DMatrix::identity(2, 2), y: DMatrix::zeros(2, 1) };
        let start = DVector::from_element(smooth.parameter_count(), 1.0);
        assert!(MlpObjective::new(smooth, Arc::new(data), Loss::Mse, 0.0).with_averaged_kinks(&start, 1e-6).is_none());
    }
}
