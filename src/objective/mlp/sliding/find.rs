//! What slides along kinks at one θ, whatever led there.

use nalgebra::DVector;

use super::{Entry, MOST_HELD, Place, Velocity, Watch};
use crate::linalg::gemm_nt;
use crate::objective::OnKink;
use crate::objective::mlp::MlpObjective;
use crate::objective::mlp::tape::{begin, matrix, matrix_mut};

impl MlpObjective {
    /// What is on a kink at θ, to within `width` times the root mean square of its layer's outputs, and slides there: by layer, neuron and
    /// sample.
    pub(in crate::objective::mlp) fn find_on_kinks(&self, theta: &DVector<f64>, width: f64) -> Vec<OnKink> {
        let net = &self.condensed.net;
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
        near.truncate(MOST_HELD);
        if near.is_empty() {
            return Vec::new();
        }
        let sharp = |place: &Place| (*place, self.side(*place, self.sample(theta.as_slice(), place.sample, &[]).z(*place)));
        let held: Vec<_> = near.iter().map(sharp).collect();
        let mut gradient = theta.clone();
        self.pass(theta, &mut gradient, &Watch::default());
        let mut velocity = Velocity::new(self, theta.as_slice(), held);
        velocity.find(0.0, &mut gradient);
        let slides = |j: &usize| {
            velocity.pull(*j) > 0.0 && velocity.held[*j].1 > self.left(velocity.held[*j].0) && velocity.held[*j].1 < 1.0
        };
        (0..velocity.held.len())
            .filter(slides)
            .map(|j| {
                let (Place { sample, layer, neuron }, slope) = velocity.held[j];
                OnKink { layer, neuron, sample, slope }
            })
            .collect()
    }
}
