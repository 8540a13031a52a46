use std::fs::File;
use std::io;
use std::sync::Arc;

use super::file::{BLOCK, Spool};
use super::{SpoolItem, Spooled};

/// Entries of a block of numbers of 8 bytes, and of the longest vector that stays in memory.
const PER_BLOCK: usize = BLOCK / 8;
const KEPT: usize = Spooled::<f64>::SHORT;

fn spool() -> Arc<Spool> {
    Arc::new(Spool::new(tempfile::tempfile))
}

/// Numbers of all kinds: NaN with a payload, infinities, subnormal ones, −0.
fn number(i: usize) -> f64 {
    match i % 7 {
        0 => f64::from_bits(0x7ff8_0000_0000_0000 | i as u64),
        1 => f64::NEG_INFINITY,
        2 => f64::from_bits(i as u64),
        3 => -0.0,
        _ => (i as f64).sin() * 10f64.powi((i % 600) as i32 - 300),
    }
}

fn bits(numbers: impl IntoIterator<Item = f64>) -> Vec<u64> {
    numbers.into_iter().map(f64::to_bits).collect()
}

/// Bit for bit, around every length at which something changes, however the entries were added and however they are read.
#[test]
fn every_bit_comes_back_across_the_borders_of_blocks() {
    for border in [0, PER_BLOCK, KEPT, KEPT + PER_BLOCK, KEPT + 3 * PER_BLOCK] {
        for length in border.saturating_sub(1)..=border + 1 {
            let expected: Vec<f64> = (0..length).map(number).collect();
            let (mut pushed, mut extended) = (Spooled::within(&spool()), Spooled::within(&spool()));
            expected.iter().for_each(|x| pushed.push(*x));
            // In pieces that no block is a multiple of.
            expected.chunks(1009).for_each(|piece| extended.extend_from_slice(piece));
            for spooled in [&pushed, &extended] {
                let bits_of = |entries: &Spooled<f64>| bits(entries.values());
                assert_eq!(spooled.len(), length);
                assert!(spooled.in_memory() < KEPT.max(1) && (length >= KEPT) == (spooled.in_memory() < length), "{length}");
                assert_eq!(bits_of(spooled), bits(expected.clone()));
                assert_eq!(bits_of(&spooled.clone()), bits(expected.clone()));
                let archived = postcard::to_stdvec(spooled).unwrap();
                assert_eq!(archived, postcard::to_stdvec(&expected).unwrap(), "a vector's bytes");
                assert_eq!(bits_of(&postcard::from_bytes(&archived).unwrap()), bits(expected.clone()));
                for start in [0, PER_BLOCK - 1, KEPT - 1, KEPT + PER_BLOCK + 1] {
                    let range = start.min(length)..(start + PER_BLOCK + 2).min(length);
                    assert_eq!(bits(spooled.slice(range.clone()).iter().copied()), bits(expected[range].iter().copied()));
                }
                assert_eq!(spooled.at(length), None);
                // As a slice: loaded as a whole.
                assert_eq!(bits(spooled.iter().copied()), bits(expected.clone()));
                assert_eq!(bits(spooled.clone().into_vec()), bits(expected.clone()));
            }
        }
    }
}

/// What is changed in one of two vectors that share blocks is not changed in the other.
#[test]
fn clones_go_their_own_ways() {
    let long = |of: &dyn Fn(usize) -> i64| (0..2 * KEPT).map(of).collect::<Vec<i64>>();
    let mut first: Spooled<i64> = Spooled::within(&spool());
    first.extend(long(&|i| i as i64));
    let mut second = first.clone();
    second.push(-1);
    second.to_mut()[PER_BLOCK] = -2;
    second.extend_by(PER_BLOCK, -3);
    assert_eq!(first, long(&|i| i as i64));
    drop(first);
    let mut expected = long(&|i| if i == PER_BLOCK { -2 } else { i as i64 });
    expected.push(-1);
    expected.resize(expected.len() + PER_BLOCK, -3);
    assert_eq!(second, expected);
    assert_ne!(second, long(&|i| i as i64));
}

#[test]
fn entries_of_one_byte_come_back() {
    fn holds<T: SpoolItem>(of: fn(usize) -> T) {
        let mut spooled = Spooled::within(&spool());
        spooled.extend((0..Spooled::<T>::SHORT + BLOCK + 7).map(of));
        assert!(spooled.in_memory() < BLOCK);
        assert!(spooled.values().eq((0..Spooled::<T>::SHORT + BLOCK + 7).map(of)));
    }
    holds(|i| i.is_multiple_of(3));
    holds(|i| (i % 251) as u8);
}

/// A long series of vectors takes no more room than those that live at one time.
#[test]
fn blocks_that_nobody_needs_are_written_over() {
    let spool = spool();
    let vector = |seed: usize| {
        let mut vector: Spooled<u64> = Spooled::within(&spool);
        vector.extend((0..KEPT).map(|i| (seed + i) as u64));
        vector
    };
    let one = vector(0);
    let size = spool.size();
    assert_eq!(size, 8 * KEPT as u64);
    for seed in 1..20 {
        let (another, clone) = (vector(seed), one.clone());
        assert_eq!((another.at(5), clone.at(5)), (Some(seed as u64 + 5), Some(5)));
    }
    assert_eq!(spool.size(), 2 * size);
    drop(one);
    assert_eq!(spool.size(), 0);
}

/// A full disk loses nothing, whether it is full from the start or once some blocks were written.
#[test]
fn what_cannot_be_written_stays_in_memory_and_says_so() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
    let read_only = || File::open(&path);
    let its_path = path.clone();
    let unwritable = move || File::open(&its_path);
    let no_room = || Err(io::Error::other("no room"));
    for spool in [Spool::new(no_room), Spool::new(unwritable)] {
        let mut spooled = Spooled::within(&Arc::new(spool));
        spooled.extend((0..KEPT - 1).map(number));
        assert_eq!(spooled.complaint(), None);
        spooled.extend((KEPT - 1..3 * KEPT).map(number));
        assert!(spooled.complaint().is_some());
        assert_eq!(bits(spooled.values()), bits((0..3 * KEPT).map(number)));
        assert_eq!(spooled.in_memory(), 3 * KEPT);
    }
    let its_path = path.clone();
    let spool = Arc::new(Spool::new(move || File::options().read(true).write(true).open(&its_path)));
    let mut spooled = Spooled::within(&spool);
    spooled.extend((0..KEPT).map(number));
    assert_eq!((spooled.in_memory(), spooled.complaint()), (0, None));
    spool.turn_to(read_only().unwrap());
    spooled.extend((KEPT..2 * KEPT).map(number));
    assert!(spooled.complaint().is_some());
    assert_eq!(spooled.in_memory(), KEPT);
    assert_eq!(bits(spooled.values()), bits((0..2 * KEPT).map(number)));
    std::fs::remove_file(path).unwrap();
}
