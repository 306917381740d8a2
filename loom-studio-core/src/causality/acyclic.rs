//! Cutting cycles out of links that claim to be a forest.

/// For each item its parent, and a forest after: in each cycle the link of the item that comes first by `key` is cut. Returns the items whose link was cut. Linear time, no recursion.
pub(super) fn cut_cycles<K: Ord>(
    parents: &mut [Option<usize>],
    key: impl Fn(usize) -> K,
) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    // The walk in which an item was first met.
    let mut walk_of = vec![UNSEEN; parents.len()];
    let mut cut = Vec::new();
    for start in 0..parents.len() {
        let mut at = Some(start);
        while let Some(item) = at {
            match walk_of.get_mut(item) {
                Some(walk) if *walk == UNSEEN => *walk = start,
                Some(walk) if *walk == start => {
                    let first = cycle(parents, item).min_by_key(|item| key(*item));
                    if let Some(first) = first {
                        if let Some(parent) = parents.get_mut(first) {
                            *parent = None;
                        }
                        cut.push(first);
                    }
                    break;
                }
                _ => break,
            }
            at = parents.get(item).copied().flatten();
        }
    }
    cut
}

/// The items of the cycle that `start` is on.
fn cycle(parents: &[Option<usize>], start: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(start), move |item| {
        parents
            .get(*item)
            .copied()
            .flatten()
            .filter(|next| *next != start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parents: &[Option<usize>], cut: &[usize]) {
        let mut forest = parents.to_vec();
        let mut found = cut_cycles(&mut forest, |item| item);
        found.sort_unstable();
        assert_eq!(found, cut);
        for start in 0..forest.len() {
            let steps = std::iter::successors(Some(start), |item| forest[*item]).take(100);
            assert!(steps.count() < 100, "{forest:?} is no forest");
        }
    }

    #[test]
    fn each_cycle_is_cut_once() {
        check(&[None, Some(0), Some(1)], &[]);
        check(&[Some(0)], &[0]);
        check(&[Some(1), Some(0)], &[0]);
        check(&[Some(2), Some(0), Some(1), Some(2), Some(3)], &[0]);
        check(&[Some(1), Some(0), Some(3), Some(2), Some(3)], &[0, 2]);
    }
}
