//! Looking into packed parts of an index file where they lie.

/// How many elements a bitmap in Roaring's portable format has, from its header.
///
/// Lemire, Kaser, Kurz et al., "Roaring Bitmaps: Implementation of an Optimized Software Library" (2018); the format is at <https://github.com/RoaringBitmap/RoaringFormatSpec>.
pub(super) fn cardinality(bitmap: &[u8]) -> Option<u64> {
    const WITHOUT_RUNS: u32 = 12_346;
    const WITH_RUNS: u32 = 12_347;
    let word = |at: usize| Some(u32::from_le_bytes(*bitmap.get(at..)?.first_chunk()?));
    let cookie = word(0)?;
    let (containers, start) = if cookie & 0xffff == WITH_RUNS {
        let containers = (cookie >> 16) as usize + 1;
        (containers, 4 + containers.div_ceil(8))
    } else if cookie == WITHOUT_RUNS {
        (word(4)? as usize, 8)
    } else {
        return None;
    };
    let end = start.checked_add(containers.checked_mul(4)?)?;
    let (descriptions, _) = bitmap.get(start..end)?.as_chunks::<4>();
    // Each is a key and the number of elements less one.
    let elements = descriptions
        .iter()
        .map(|[_, _, low, high]| u64::from(u16::from_le_bytes([*low, *high])) + 1);
    Some(elements.sum())
}

/// The index of the first of the sorted words that is not below `wanted`.
///
/// The words are hashes, so evenly spread: guessing by proportion takes two or three looks where halving takes seventeen (Perl, Itai and Avni, "Interpolation search – a log log N search", 1978).
/// Each guess is followed by a halving, so that even words that aren't spread at all are found in a bounded number of steps.
pub(super) fn first_not_below(words: &[[u8; 8]], wanted: u64) -> usize {
    /// Where this few are left, they lie in a few lines of memory: going through them is best.
    const FEW: usize = 16;
    let word = |at: usize| {
        words
            .get(at)
            .map_or(u64::MAX, |word| u64::from_le_bytes(*word))
    };
    // All before `low` are below, none from `high` on is.
    let (mut low, mut high) = (0, words.len());
    let (mut least, mut greatest) = (0, u64::MAX);
    let mut guesses = true;
    while high - low > FEW {
        let span = u128::from(greatest.saturating_sub(least)).max(1);
        let share = u128::from(
            wanted
                .saturating_sub(least)
                .min(greatest.saturating_sub(least)),
        );
        let at = if guesses {
            let at = low + (share * (high - low) as u128 / span) as usize;
            at.clamp(low, high - 1)
        } else {
            usize::midpoint(low, high)
        };
        // A guess lands near: a second look a little beyond it closes the other side.
        let beyond = if guesses { FEW / 2 } else { 0 };
        if word(at) < wanted {
            (low, least) = (at + 1, word(at));
            let next = at + beyond;
            if beyond > 0 && next < high && word(next) >= wanted {
                (high, greatest) = (next, word(next));
            }
        } else {
            (high, greatest) = (at, word(at));
            if let Some(before) = at.checked_sub(beyond)
                && beyond > 0
                && before >= low
                && word(before) < wanted
            {
                (low, least) = (before + 1, word(before));
            }
        }
        guesses = !guesses;
    }
    (low..high).find(|at| word(*at) >= wanted).unwrap_or(high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roaring::RoaringBitmap;

    use super::*;

    fn check(mut words: Vec<u64>, wanted: u64) {
        words.sort_unstable();
        let expected = words.partition_point(|word| *word < wanted);
        let words: Vec<[u8; 8]> = words.into_iter().map(u64::to_le_bytes).collect();
        assert_eq!(first_not_below(&words, wanted), expected);
    }

    proptest! {
        #[test]
        fn finds_where_halving_does(mut words in prop::collection::vec(any::<u64>(), 0..300), low: u64, narrow: bool) {
            if narrow {
                for word in &mut words {
                    *word = low | (*word & 63);
                }
            }
            for wanted in words.clone().into_iter().flat_map(|word| [word, word.wrapping_add(1), word.wrapping_sub(1)]).chain([0, u64::MAX, low]) {
                check(words.clone(), wanted);
            }
        }

        #[test]
        fn counts_as_the_bitmap_does(parts in prop::collection::vec((0..200_000_u32, 1..9000_u32, 1..5_usize), 0..6), optimized: bool) {
            let mut bitmap = RoaringBitmap::new();
            for (start, length, step) in parts {
                bitmap.extend((start..start + length).step_by(step));
            }
            if optimized {
                bitmap.optimize();
            }
            let mut bytes = Vec::new();
            bitmap.serialize_into(&mut bytes).unwrap();
            prop_assert_eq!(cardinality(&bytes), Some(bitmap.len()));
            prop_assert_eq!(cardinality(&bytes[..bytes.len().min(3)]), None);
        }
    }
}
