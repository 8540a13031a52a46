//! How samples are divided into blocks and lanes. The problem alone decides it, so that sums have the same bits for any number of threads.

use nalgebra::{DMatrix, DMatrixView};

use crate::data::Dataset;
use crate::network::Architecture;

/// Some of the samples, one in each row, contiguous in memory.
pub(super) struct Block {
    /// B × d_0.
    pub(super) x: DMatrix<f64>,
    /// B × d_L.
    pub(super) y: DMatrix<f64>,
}

/// The same, borrowed: samples that go through a network at once.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// B × d_0.
    pub(super) x: DMatrixView<'a, f64>,
    /// B × d_L.
    pub(super) y: DMatrixView<'a, f64>,
}

impl Block {
    pub(super) fn part(&self) -> Part<'_> {
        Part { x: self.x.as_view(), y: self.y.as_view() }
    }
}

/// How n samples are divided. Each lane works through its blocks one after the other and sums their shares; then lanes are summed in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Division {
    /// Samples of a block; the last block may have fewer.
    pub(super) rows: usize,
    /// Blocks of a lane; the last lane may have fewer.
    pub(super) blocks_per_lane: usize,
    /// Lanes, 1 at least: as many as can work at the same time.
    pub(super) lanes: usize,
}

/// So many operations of a gradient are worth a lane of their own: some 100 µs, ten times what it takes to hand it over.
const LANE_FLOPS: u64 = 1 << 22;
/// More lanes would keep more than a core's cache holds where one thread works through all of them.
const MOST_LANES: usize = 8;
/// Each lane sums a gradient of its own; together these have at most so many entries: 256 MB.
const LANE_ENTRIES: usize = 1 << 25;
/// What one block keeps fits into half of a core's second-level cache.
const CACHE: usize = 512 << 10;

impl Division {
    /// The division of n ≥ 1 samples for this network.
    pub(super) fn new(net: &Architecture, samples: usize) -> Self {
        let widths = net.widths();
        // States, slopes and errors of a sample.
        let bytes = 3 * 8 * widths.iter().sum::<usize>();
        let widest = widths.iter().copied().max().unwrap_or(1);
        // Below its width a block would read the weights more often than it does anything with them.
        let fitting = (CACHE / bytes).clamp(64, 512).max(widest.min(512));
        let lanes = (flops(net, samples) / LANE_FLOPS) as usize;
        let lanes = lanes.min(LANE_ENTRIES / net.parameter_count().max(1)).min(samples / 128).clamp(1, MOST_LANES);
        // A power of two, of which 2, 4 and 8 cores have equal shares.
        let lanes = 1 << lanes.ilog2();
        // As many in each lane.
        let blocks = samples.div_ceil(fitting).next_multiple_of(lanes);
        let rows = samples.div_ceil(blocks).next_multiple_of(8).min(samples);
        let blocks_per_lane = samples.div_ceil(rows).div_ceil(lanes);
        Self { rows, blocks_per_lane, lanes: samples.div_ceil(rows).div_ceil(blocks_per_lane) }
    }

    /// The blocks of one lane.
    pub(super) fn lane(self, blocks: &[Block], lane: usize) -> &[Block] {
        let start = lane * self.blocks_per_lane;
        &blocks[start..blocks.len().min(start + self.blocks_per_lane)]
    }

    /// The samples, copied block by block.
    pub(super) fn blocks(self, data: &Dataset) -> Vec<Block> {
        let samples = data.x.nrows();
        let starts = (0..samples).step_by(self.rows);
        starts
            .map(|start| {
                let rows = self.rows.min(samples - start);
                Block { x: data.x.rows(start, rows).into_owned(), y: data.y.rows(start, rows).into_owned() }
            })
            .collect()
    }
}

/// Operations of one gradient: up, down and outer products, a multiplication and an addition counting two. The first layer has nothing
/// to pass down to.
pub(super) fn flops(net: &Architecture, samples: usize) -> u64 {
    let products = |l: usize| if l == 1 { 2 } else { 3 };
    (1..=net.depth()).map(|l| (products(l) * 2 * samples * net.widths()[l] * net.widths()[l - 1]) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;
    use proptest::prelude::*;

    fn net(widths: &[usize]) -> Architecture {
        let depth = widths.len() - 1;
        Architecture::with_layers(widths, &vec![Activation::Tanh; depth], &vec![true; depth])
    }

    proptest! {
        #[test]
        fn blocks_and_lanes_hold_every_sample_once(
            widths in prop::collection::vec(1usize..600, 2..5), samples in 1usize..3000,
        ) {
            let division = Division::new(&net(&widths), samples);
            let data = Dataset { x: DMatrix::from_fn(samples, 1, |i, _| i as f64), y: DMatrix::zeros(samples, 1) };
            let blocks = division.blocks(&data);
            let seen: Vec<f64> = blocks.iter().flat_map(|block| block.x.iter().copied()).collect();
            prop_assert!(seen.iter().enumerate().all(|(i, x)| *x == i as f64) && seen.len() == samples);
            prop_assert_eq!(blocks.len().div_ceil(division.blocks_per_lane), division.lanes);
        }
    }

    #[test]
    fn small_problems_have_one_lane_and_large_ones_several() {
        assert_eq!(Division::new(&net(&[10, 32, 1]), 100), Division { rows: 100, blocks_per_lane: 1, lanes: 1 });
        assert_eq!(Division::new(&net(&[20, 64, 64, 3]), 500).lanes, 2);
        assert_eq!(Division::new(&net(&[20, 100, 100, 1]), 1000).lanes, 4);
        assert_eq!(Division::new(&net(&[512, 512, 512, 1]), 8000).lanes, MOST_LANES);
    }
}
