//! Strings that records share, numbered.

use std::sync::Arc;

use hashbrown::HashMap;

use super::index::Hasher;
use crate::event::NodeId;

/// A string's number within its table.
pub(super) type Symbol = u32;

/// No string.
pub(super) const NO_SYMBOL: Symbol = Symbol::MAX;

/// Strings in the order they were met, each once. It only grows: whoever fills it begins a new one when it has become large.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    by_text: HashMap<Arc<str>, Symbol>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    hash: u64,
    /// The node behind the text as an address; `NO_SYMBOL` until somebody asks.
    node: Symbol,
}

impl Symbols {
    /// The number of a text.
    pub(super) fn get(&mut self, text: &str, hasher: Hasher) -> Symbol {
        if let Some(symbol) = self.by_text.get(text) {
            return *symbol;
        }
        let symbol = self.entries.len() as Symbol;
        let shared: Arc<str> = text.into();
        self.entries.push(Entry {
            text: Arc::clone(&shared),
            hash: hasher.text(text),
            node: NO_SYMBOL,
        });
        self.by_text.insert(shared, symbol);
        symbol
    }

    /// The node behind an address.
    pub(super) fn node(&mut self, address: Symbol, hasher: Hasher) -> Symbol {
        let Some(entry) = self.entries.get(address as usize) else {
            return NO_SYMBOL;
        };
        if entry.node != NO_SYMBOL {
            return entry.node;
        }
        let text = Arc::clone(&entry.text);
        let node = self.get(&NodeId::normalize(&text), hasher);
        if let Some(entry) = self.entries.get_mut(address as usize) {
            entry.node = node;
        }
        node
    }

    pub(super) fn text(&self, symbol: Symbol) -> Option<&Arc<str>> {
        self.entries.get(symbol as usize).map(|entry| &entry.text)
    }

    /// Bytes of the text; 0 for none.
    pub(super) fn length(&self, symbol: Symbol) -> usize {
        self.text(symbol).map_or(0, |text| text.len())
    }

    /// Whether a number stands for a text.
    pub(super) fn is(&self, symbol: Symbol, text: &str) -> bool {
        self.text(symbol).is_some_and(|known| **known == *text)
    }

    /// The text's hash.
    pub(super) fn hash(&self, symbol: Symbol) -> u64 {
        self.entries
            .get(symbol as usize)
            .map_or(0, |entry| entry.hash)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The texts from a number on.
    pub(super) fn texts_from(&self, first: usize) -> Vec<Arc<str>> {
        let entries = self.entries.iter().skip(first);
        entries.map(|entry| Arc::clone(&entry.text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_node_are_found_again() {
        let (mut symbols, hasher) = (Symbols::default(), Hasher(1));
        let short = symbols.get("crew/master", hasher);
        let node = symbols.node(short, hasher);
        assert!(symbols.is(node, "/node/crew/master"));
        assert_eq!(symbols.get("/node/crew/master", hasher), node);
        assert_eq!(symbols.node(node, hasher), node);
        assert_eq!(symbols.get("crew/master", hasher), short);
        assert_eq!(symbols.hash(node), hasher.text("/node/crew/master"));
        assert_eq!(symbols.texts_from(1).len(), 1);
        assert_eq!((symbols.len(), symbols.text(7)), (2, None));
    }
}
