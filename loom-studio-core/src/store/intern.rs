//! One copy of each string that many events share.

use std::sync::Arc;

use hashbrown::HashSet;

/// Shared strings. Those nobody holds any more are dropped whenever the set has doubled, so it stays within twice what is in use.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    texts: HashSet<Arc<str>>,
    purge_at: usize,
}

const SMALLEST_PURGE: usize = 1024;

impl Interner {
    /// The shared copy of `text`.
    pub(crate) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        if self.texts.len() >= self.purge_at.max(SMALLEST_PURGE) {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.purge_at = self.texts.len() * 2;
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_copies_and_forgets_the_unused() {
        let mut interner = Interner::default();
        let kept = interner.get("kept");
        assert!(Arc::ptr_eq(&kept, &interner.get("kept")));
        for number in 0..10 * SMALLEST_PURGE {
            interner.get(&number.to_string());
        }
        assert!(
            interner.texts.len() <= SMALLEST_PURGE,
            "{}",
            interner.texts.len()
        );
        assert!(Arc::ptr_eq(&kept, &interner.get("kept")));
    }
}
