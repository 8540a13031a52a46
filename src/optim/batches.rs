//! Which samples a minibatch holds, from a random stream of its own.
//!
//! Without replacement an epoch is a random order of all n samples, cut into batches of B, as by `torch.utils.data.DataLoader` with
//! `shuffle=True`: where B does not divide n the last batch of an epoch is shorter, and is kept. With replacement every batch is B
//! independent uniform draws.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::rng::{Purpose, named_stream};

/// The batches of one process, one after another.
pub struct BatchStream {
    rng: ChaCha8Rng,
    size: usize,
    replacement: bool,
    /// Without replacement, the order of this epoch, all n samples.
    order: Vec<u32>,
    /// How many of `order` this epoch has used.
    used: usize,
    /// The batch drawn last.
    batch: Vec<u32>,
}

impl BatchStream {
    /// Batches of `size` ≥ 1 of `samples` ≥ 1 samples for the process `name` in a run with this `seed`. They depend on name and seed, not
    /// on the other processes.
    pub fn new(samples: usize, size: usize, replacement: bool, seed: u64, name: &str) -> Self {
        // A scenario has at most 10^8 samples.
        let order = (0..samples as u32).collect();
        Self {
            rng: named_stream(seed, Purpose::Batches, name),
            size,
            replacement,
            order,
            used: samples,
            batch: Vec::with_capacity(size),
        }
    }

    /// Takes or replaces where the stream is.
    ///
    /// # Errors
    /// [`ArchiveError`] if the state is damaged, or that of a stream of other samples.
    pub fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.same("number of samples", self.order.len() as u64)?;
        archive.item(&mut self.rng)?;
        archive.item(&mut self.order)?;
        archive.item(&mut self.used)
    }

    /// The batch drawn last; empty before the first.
    pub fn drawn(&self) -> &[u32] {
        &self.batch
    }

    /// Draws the next batch: indices of samples, from 0. Does not allocate.
    pub fn draw(&mut self) -> &[u32] {
        let n = self.order.len();
        self.batch.clear();
        if self.replacement {
            for _ in 0..self.size {
                self.batch.push(below(n, &mut self.rng) as u32);
            }
        } else {
            if self.used == n {
                // Fisher–Yates. It may start from the last order: a random permutation of it is as uniform.
                for last in (1..n).rev() {
                    self.order.swap(last, below(last + 1, &mut self.rng));
                }
                self.used = 0;
            }
            let end = n.min(self.used + self.size);
            self.batch.extend_from_slice(&self.order[self.used..end]);
            self.used = end;
        }
        &self.batch
    }
}

/// Uniform among 0, …, n − 1, from one draw of 64 bits, off by at most n/2⁶⁴. The method of `rand` may change with its version.
fn below(n: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn take(batches: &mut BatchStream, count: usize) -> Vec<Vec<u32>> {
        (0..count).map(|_| batches.draw().to_vec()).collect()
    }

    proptest! {
        #[test]
        fn an_epoch_is_a_permutation_and_its_last_batch_is_short(samples in 1usize..60, size in 1usize..60, seed in 0u64..1000) {
            let mut batches = BatchStream::new(samples, size, false, seed, "sgd");
            for _ in 0..3 {
                let epoch = take(&mut batches, samples.div_ceil(size));
                prop_assert!(epoch[..epoch.len() - 1].iter().all(|batch| batch.len() == size));
                let mut all = epoch.concat();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(0..samples as u32));
            }
        }

        #[test]
        fn reruns_agree_and_other_names_and_seeds_differ(seed in 0u64..1000, replacement in any::<bool>()) {
            let drawn = |seed, name| take(&mut BatchStream::new(1000, 100, replacement, seed, name), 3);
            prop_assert_eq!(drawn(seed, "a"), drawn(seed, "a"));
            prop_assert_ne!(drawn(seed, "a"), drawn(seed, "b"));
            prop_assert_ne!(drawn(seed, "a"), drawn(seed + 1, "a"));
        }
    }

    /// Every sample is equally frequent at every place of a batch, within five standard deviations of a binomial count.
    #[test]
    fn every_sample_is_as_likely_at_every_place() {
        for replacement in [false, true] {
            let (samples, size, rounds) = (7, 7, 20_000);
            let mut counts = vec![vec![0.0; samples]; size];
            let mut batches = BatchStream::new(samples, size, replacement, 1, "sgd");
            for _ in 0..rounds {
                batches.draw().iter().enumerate().for_each(|(place, &sample)| counts[place][sample as usize] += 1.0);
            }
            let p = 1.0 / samples as f64;
            let bound = 5.0 * (f64::from(rounds) * p * (1.0 - p)).sqrt();
            assert!(counts.iter().flatten().all(|count| (count - f64::from(rounds) * p).abs() < bound), "{counts:?}");
        }
    }

    /// Two draws with replacement agree in 1 of n cases, two without never do; and all orders of three are equally frequent.
    #[test]
    fn draws_with_replacement_are_independent_and_orders_are_uniform() {
        let mut batches = BatchStream::new(10, 2, true, 2, "sgd");
        let twins = take(&mut batches, 20_000).iter().filter(|batch| batch[0] == batch[1]).count() as f64;
        assert!((twins - 2000.0).abs() < 5.0 * (2000.0f64 * 0.9).sqrt(), "{twins}");
        let mut batches = BatchStream::new(3, 3, false, 2, "sgd");
        let mut orders = std::collections::BTreeMap::new();
        take(&mut batches, 12_000).into_iter().for_each(|order| *orders.entry(order).or_insert(0.0) += 1.0);
        assert_eq!(orders.len(), 6);
        assert!(orders.values().all(|count: &f64| (count - 2000.0).abs() < 5.0 * (2000.0f64 * 5.0 / 6.0).sqrt()), "{orders:?}");
    }
}
