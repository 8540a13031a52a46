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
