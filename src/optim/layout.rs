//! What an update rule sees of θ: its blocks in their order, and the weight decay.

use crate::network::Architecture;

/// A part of θ that belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// A weight matrix, column by column.
    Matrix {
        /// d_l.
        rows: usize,
        /// d_{l−1}.
        columns: usize,
    },
    /// A bias, or parameters that form no matrix.
    Vector(usize),
}

impl Block {
    /// The number of its parameters.
    pub fn len(self) -> usize {
        match self {
            Self::Matrix { rows, columns } => rows * columns,
            Self::Vector(length) => length,
        }
    }

    /// Whether it has no parameter.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The blocks of θ, one after another, under weight decay λ: what PyTorch calls a parameter group.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// In the order of θ.
    pub blocks: Vec<Block>,
    /// λ ≥ 0.
    pub weight_decay: f64,
    /// κ: the factor on any learning rate other than the optimizer's own.
    pub rate: f64,
}

impl Layout {
    /// The weights and biases of a network, and one vector of what belongs to no layer.
    pub fn new(net: &Architecture, weight_decay: f64) -> Self {
        if net.depth() == 0 {
            return Self::vector(net.parameter_count(), weight_decay);
        }
        let rest = net.rest_range().len();
        let rest = (rest > 0).then_some(Block::Vector(rest));
        let layers = (1..=net.depth()).flat_map(|l| blocks(net, l));
        Self { blocks: layers.chain(rest).collect(), weight_decay, rate: 1.0 }
    }

    /// Layer l = 1, …, L of a network.
    pub fn layer(net: &Architecture, l: usize, weight_decay: f64, rate: f64) -> Self {
        Self { blocks: blocks(net, l).collect(), weight_decay, rate }
    }

    /// `dim` parameters that form no matrix.
    pub fn vector(dim: usize, weight_decay: f64) -> Self {
        Self { blocks: vec![Block::Vector(dim)], weight_decay, rate: 1.0 }
    }

    /// The length of θ.
    pub fn dim(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }
}

fn blocks(net: &Architecture, l: usize) -> impl Iterator<Item = Block> {
    let ((rows, columns), bias) = (net.shape(l), net.bias_range(l).len());
    [Block::Matrix { rows, columns }].into_iter().chain((bias > 0).then_some(Block::Vector(bias)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_theta_in_its_order() {
        let net = Architecture::new(&[3, 2, 1]).with_rest(4);
        let layout = Layout::new(&net, 0.0);
        let matrix = |rows, columns| Block::Matrix { rows, columns };
        assert_eq!(layout.blocks, [matrix(2, 3), matrix(1, 2), Block::Vector(4)]);
        assert_eq!(layout.dim(), net.parameter_count());
    }
}
