//! Which samples lie on kinks at one θ, and which slide along them, however θ was reached.

use nalgebra::DVector;

use super::passes::Passes;
use super::{Entry, Place, Velocity, Watch};
use crate::linalg::gemm_nt;
use crate::objective::OnKink;
use crate::objective::mlp::MlpObjective;
use crate::objective::mlp::tape::{begin, matrix, matrix_mut};

impl MlpObjective {
    /// What is on a kink at θ, to within `width` times the root mean square of its layer's outputs, by sample, layer and neuron; with its
    /// slope where it slides.
    pub(in crate::objective::mlp) fn find_on_kinks(&self, theta: &DVector<f64>, width: f64) -> Vec<OnKink> {
        let net = &self.condensed.net;
        // A smooth network need not be evaluated.
        if !net.has_kinks() {
            return Vec::new();
        }
        let mut near = Vec::new();
        let mut squares = vec![0.0; net.depth()];
        self.each_block(theta.as_slice(), |_, rows, tape, _| {
            for (l, sum) in squares.iter_mut().enumerate() {
                *sum += tape.states[l][..rows * net.widths()[l + 1]].iter().map(|h| h * h).sum::<f64>();
            }
        });
        self.each_block(theta.as_slice(), |block, rows, tape, weights| {
            for l in (1..=net.depth()).filter(|&l| net.activation(l).kink().is_some()) {
                let size = net.widths()[l];
                let most = width * (squares[l - 1] / (self.samples * size) as f64).sqrt();
                let mut z = vec![0.0; rows * size];
                let state = if l == 1 {
                    self.blocks[block].x.as_view()
                } else {
                    matrix(&tape.states[l - 2], rows, net.widths()[l - 1])
                };
                gemm_nt(
                    begin(&mut z, rows, net.bias(weights, l)),
                    state,
                    net.weight(weights, l),
                    matrix_mut(&mut z, rows, size),
                );
                near.extend(
                    z.iter()
                        .enumerate()
                        .filter(|(_, z)| z.abs() <= most)
                        .map(|(index, _)| self.place(Entry { block, layer: l, index })),
                );
            }
        });
        near.sort_unstable();
        if near.is_empty() {
            return Vec::new();
        }
        // By the slopes of their sides; those that a kink holds, at the slopes at which it does.
        let mut passes = Passes::new(self, near.iter().copied());
        passes.run(self, theta.as_slice(), &[]);
        let sharp = |&place: &Place| {
            let z = passes.z(self, theta.as_slice(), place);
            (place, self.side(place, z), passes.pull(self, theta.as_slice(), place) > 0.0)
        };
        let sides: Vec<_> = near.iter().map(sharp).collect();
        let pulled = sides.iter().filter(|(.., pulled)| *pulled).take(self.most_held());
        let held: Vec<_> = pulled.map(|&(place, slope, _)| (place, slope)).collect();
        let mut gradient = theta.clone();
        self.pass(theta, &mut gradient, &Watch::default());
        let mut velocity = Velocity::new(self, theta.as_slice(), held);
        velocity.find(0.0, &mut gradient);
        let slope = |place: &Place| {
            let j = velocity.held.binary_search_by_key(place, |(held, _)| *held).ok()?;
            let slope = velocity.held[j].1;
            (velocity.pull(j) > 0.0 && slope > self.left(*place) && slope < 1.0).then_some(slope)
        };
        let on_kink = |place: &Place| {
            let Place { sample, layer, neuron } = *place;
            OnKink { layer, neuron, sample, slope: slope(place) }
        };
        near.iter().map(on_kink).collect()
    }
}
