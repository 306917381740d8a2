//! Which segments may hold an id: Bloom filters, sliced by bit so that one look asks 64 segments.
//!
//! Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970); the probes follow Kirsch and Mitzenmacher, "Less hashing, same performance" (2006).

use std::collections::BTreeMap;

/// Bits per key at least.
const BITS_PER_KEY: usize = 16;
/// With 16 bits per key a segment is asked in vain for less than one key in a thousand.
const PROBES: u64 = 6;

/// The bits of a filter for so many keys.
pub(super) fn bits_for(keys: usize) -> usize {
    (keys.max(64) * BITS_PER_KEY).next_multiple_of(64)
}

fn probes(hash: u64, bits: usize) -> impl Iterator<Item = usize> {
    let step = (hash >> 32) | 1;
    (0..PROBES)
        .map(move |probe| {
            hash.wrapping_add(probe.wrapping_mul(step))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
        .map(move |mixed| ((u128::from(mixed) * bits as u128) >> 64) as usize)
}

/// The filter of one segment, as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Filter(Vec<u64>);

impl Filter {
    pub(super) fn new(bits: usize) -> Self {
        Self(vec![0; bits.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, hash: u64) {
        for bit in probes(hash, self.0.len() * 64) {
            if let Some(word) = self.0.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// The filters of up to 64 segments of one size: bit *n* of a word belongs to segment *n*.
#[derive(Debug)]
struct Slice {
    words: Vec<u64>,
    used: u64,
}

impl Slice {
    /// At most 64 filters of one length.
    fn of(filters: &[Stored<'_>]) -> Self {
        let mut lanes: Vec<_> = filters
            .iter()
            .map(|(_, filter)| filter.as_chunks::<8>().0.iter())
            .collect();
        let chunks = lanes.first().map_or(0, ExactSizeIterator::len);
        let mut words = Vec::with_capacity(chunks * 64);
        for _ in 0..chunks {
            let mut square = [0; 64];
            for (row, lane) in square.iter_mut().zip(&mut lanes) {
                *row = lane.next().map_or(0, |chunk| u64::from_le_bytes(*chunk));
            }
            transpose(&mut square);
            words.extend_from_slice(&square);
        }
        let used = u64::MAX.checked_shr(64 - filters.len() as u32).unwrap_or(0);
        Self { words, used }
    }
}

/// Turns rows into columns: bit *m* of word *n* becomes bit *n* of word *m* (Warren, "Hacker's Delight", 7–3).
fn transpose(square: &mut [u64; 64]) {
    let mut mask = u64::MAX;
    for distance in [32_usize, 16, 8, 4, 2, 1] {
        mask ^= mask << distance;
        for pair in square.chunks_exact_mut(2 * distance) {
            let (upper, lower) = pair.split_at_mut(distance);
            for (upper, lower) in upper.iter_mut().zip(lower) {
                let differing = (*upper >> distance ^ *lower) & mask;
                *upper ^= differing << distance;
                *lower ^= differing;
            }
        }
    }
}

/// The filters of all sealed segments.
#[derive(Debug, Default)]
pub(super) struct Filters {
    slices: Vec<Slice>,
}

/// Where a segment's filter is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) slice: usize,
    pub(super) lane: u32,
}

/// A filter's place among those given to [`Filters::of`], with its bytes.
type Stored<'a> = (usize, &'a [u8]);

impl Filters {
    /// The stored filters of many segments, and where each is kept.
    pub(super) fn of(stored: &[&[u8]]) -> (Self, Vec<Slot>) {
        let mut by_length: BTreeMap<usize, Vec<Stored<'_>>> = BTreeMap::new();
        for (number, filter) in stored.iter().enumerate() {
            by_length
                .entry(filter.len())
                .or_default()
                .push((number, filter));
        }
        let mut slices = Vec::new();
        let mut slots = vec![Slot { slice: 0, lane: 0 }; stored.len()];
        let together = by_length.values().flat_map(|filters| filters.chunks(64));
        for filters in together {
            for (lane, (number, _)) in filters.iter().enumerate() {
                if let Some(slot) = slots.get_mut(*number) {
                    *slot = Slot {
                        slice: slices.len(),
                        lane: lane as u32,
                    };
                }
            }
            slices.push(Slice::of(filters));
        }
        (Self { slices }, slots)
    }

    /// Takes in the stored filter of a segment.
    pub(super) fn add(&mut self, stored: &[u8]) -> Slot {
        let bits = stored.len() * 8;
        let free = self
            .slices
            .iter()
            .position(|slice| slice.words.len() == bits && slice.used != u64::MAX);
        let index = free.unwrap_or_else(|| {
            self.slices.push(Slice {
                words: vec![0; bits],
                used: 0,
            });
            self.slices.len() - 1
        });
        let mut lane = 0;
        if let Some(slice) = self.slices.get_mut(index) {
            lane = slice.used.trailing_ones();
            slice.used |= 1 << lane;
            let (chunks, _) = stored.as_chunks::<8>();
            for (chunk, words) in chunks.iter().zip(slice.words.chunks_exact_mut(64)) {
                let mut set = u64::from_le_bytes(*chunk);
                while set != 0 {
                    if let Some(word) = words.get_mut(set.trailing_zeros() as usize) {
                        *word |= 1 << lane;
                    }
                    set &= set - 1;
                }
            }
        }
        Slot { slice: index, lane }
    }

    /// Forgets a segment.
    pub(super) fn remove(&mut self, slot: Slot) {
        if let Some(slice) = self.slices.get_mut(slot.slice) {
            slice.used &= !(1 << slot.lane);
            slice
                .words
                .iter_mut()
                .for_each(|word| *word &= !(1 << slot.lane));
        }
    }

    /// The segments that may hold the hash, as slots.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = Slot> + '_ {
        self.slices
            .iter()
            .enumerate()
            .flat_map(move |(index, slice)| {
                let mut mask = slice.used;
                for bit in probes(hash, slice.words.len()) {
                    mask &= slice.words.get(bit).copied().unwrap_or(0);
                    if mask == 0 {
                        break;
                    }
                }
                std::iter::from_fn(move || {
                    (mask != 0).then(|| {
                        let lane = mask.trailing_zeros();
                        mask &= mask - 1;
                        Slot { slice: index, lane }
                    })
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&key.to_le_bytes())
    }

    #[test]
    fn many_at_once_are_as_one_by_one() {
        let stored: Vec<Vec<u8>> = (0..200_u64)
            .map(|number| {
                let mut filter = Filter::new(bits_for(if number % 3 == 0 { 64 } else { 100 }));
                (0..50).for_each(|key| filter.insert(hash(number * 50 + key)));
                filter.encode()
            })
            .collect();
        let all: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
        for count in [0, 1, 63, 64, 65, 200] {
            let (together, slots) = Filters::of(&all[..count]);
            let mut single = Filters::default();
            let single_slots: Vec<Slot> = all[..count].iter().map(|one| single.add(one)).collect();
            for key in 0..200 * 50 {
                let find = |filters: &Filters, slots: &[Slot]| -> Vec<usize> {
                    let found = filters.candidates(hash(key));
                    let mut found: Vec<usize> = found
                        .map(|slot| slots.iter().position(|known| *known == slot).unwrap())
                        .collect();
                    found.sort_unstable();
                    found
                };
                assert_eq!(find(&together, &slots), find(&single, &single_slots));
            }
        }
    }

    #[test]
    fn finds_every_key_and_few_others() {
        const KEYS: u64 = 2_000;
        let mut filters = Filters::default();
        let slots: Vec<Slot> = (0..70)
            .map(|segment| {
                let mut filter = Filter::new(bits_for(KEYS as usize));
                (0..KEYS).for_each(|key| filter.insert(hash(segment * KEYS + key)));
                filters.add(&filter.encode())
            })
            .collect();
        let mut asked = 0;
        for key in (0..70 * KEYS).step_by(7) {
            let candidates: Vec<Slot> = filters.candidates(hash(key)).collect();
            assert!(candidates.contains(&slots[(key / KEYS) as usize]), "{key}");
            asked += candidates.len() - 1;
        }
        let share = asked as f64 / (70.0 * KEYS as f64 / 7.0) / 69.0;
        assert!(share < 0.001, "{share}");
        filters.remove(slots[3]);
        assert!(
            filters
                .candidates(hash(3 * KEYS))
                .all(|slot| slot != slots[3])
        );
        assert_eq!(
            filters.add(&Filter::new(bits_for(KEYS as usize)).encode()),
            slots[3]
        );
    }
}
