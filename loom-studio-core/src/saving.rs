//! What encodings of states have in common: texts that come up many times are written once.

use std::sync::Arc;

use hashbrown::HashMap;

/// Numbers texts in the order they first come up.
#[derive(Debug, Default)]
pub(crate) struct TextsOnce {
    // Looked up only, never walked: hash order doesn't show.
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl TextsOnce {
    /// The number of a text.
    pub(crate) fn index(&mut self, text: &Arc<str>) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.numbers.insert(Arc::clone(text), number);
        self.texts.push(Arc::clone(text));
        number
    }

    /// All texts, by number.
    pub(crate) fn into_list(self) -> Vec<Arc<str>> {
        self.texts
    }
}

/// Finds texts by their number again. All who name one share it.
#[derive(Debug)]
pub(crate) struct Texts(Vec<Arc<str>>);

impl Texts {
    pub(crate) fn new(texts: Vec<Arc<str>>) -> Self {
        Self(texts)
    }

    pub(crate) fn get(&self, number: u32) -> Option<Arc<str>> {
        self.0.get(number as usize).cloned()
    }
}
