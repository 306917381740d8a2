//! A batch: what travels, is acknowledged and is sent again together.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    Observation,
}

/// JSON texts in a row, each followed by a comma.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    text: Vec<u8>,
    /// Where each entry's comma ends.
    ends: Vec<u32>,
}

impl Section {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes, commas included.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The entries with commas between them.
    pub(super) fn joined(&self) -> &[u8] {
        self.text.split_last().map_or(&[], |(_, joined)| joined)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let entry = self.text.get(start..*end as usize - 1).unwrap_or_default();
            start = *end as usize;
            entry
        })
    }

    fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.text.extend_from_slice(part);
        }
        self.text.push(b',');
        // `Queue` admits no entry, and closes a batch at no size, at which this would wrap.
        self.ends.push(self.text.len() as u32);
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Events and the observations behind them.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    /// Numbers the batches as they were closed, from 1. The parts of a divided batch share it.
    pub(super) id: u64,
    pub(super) events: Section,
    pub(super) observations: Section,
}

impl Batch {
    /// An empty batch that can hold so many bytes of events before it grows.
    pub(super) fn with_capacity(bytes: usize, events: usize) -> Self {
        Self {
            events: Section {
                text: Vec::with_capacity(bytes),
                ends: Vec::with_capacity(events),
            },
            ..Self::default()
        }
    }

    /// Adds an entry whose text is that of the parts together.
    pub(super) fn push(&mut self, kind: Kind, parts: &[&[u8]]) {
        match kind {
            Kind::Event => self.events.push(parts),
            Kind::Observation => self.observations.push(parts),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len() + self.observations.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.observations.is_empty()
    }

    /// Bytes, commas included.
    pub(super) fn bytes(&self) -> usize {
        self.events.bytes() + self.observations.bytes()
    }

    /// Bytes it could hold without growing.
    pub(super) fn capacity(&self) -> usize {
        self.events.text.capacity() + self.observations.text.capacity()
    }

    /// Forgets the entries and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.observations.clear();
    }

    /// The entries in the order in which the server counts them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        let events = self.events.iter().map(|entry| (Kind::Event, entry));
        let observations = self.observations.iter();
        events.chain(observations.map(|entry| (Kind::Observation, entry)))
    }

    /// Parts of at most so many bytes, in order; entries that `keep` refuses, or that exceed a part by themselves, are left out.
    pub(super) fn divide(
        &self,
        max_bytes: usize,
        mut keep: impl FnMut(&[u8]) -> bool,
    ) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for (kind, entry) in self.iter() {
            if entry.len() >= max_bytes || !keep(entry) {
                continue;
            }
            let fits = |part: &&mut Self| part.bytes() + entry.len() < max_bytes;
            if let Some(part) = parts.last_mut().filter(fits) {
                part.push(kind, &[entry]);
            } else {
                let mut part = Self {
                    id: self.id,
                    ..Self::default()
                };
                part.push(kind, &[entry]);
                parts.push(part);
            }
        }
        parts
    }
}
