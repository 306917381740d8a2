//! What a memory event reports, read leniently from its data: names as Loom's memories and Studio's instrumentation write them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::text::elements;
use crate::clock::Timestamp;
use crate::event::members;
use crate::event::scan::{number_of, text_of};

/// The longest id, tier, role or reason that is kept, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Sources kept of one consolidation.
pub(super) const MAX_SOURCES: usize = 1024;

/// An entry as a client describes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Described<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) tier: Option<Cow<'a, str>>,
    pub(super) role: Option<Cow<'a, str>>,
    pub(super) importance: Option<f64>,
    pub(super) time: Option<Timestamp>,
    pub(super) content: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
}

/// The data of a memory event.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    /// Whose memory it is, when that isn't the sender's.
    pub(super) owner: Option<Cow<'a, str>>,
    pub(super) entry: Described<'a>,
    /// Several ids, of an eviction.
    pub(super) ids: Vec<Cow<'a, str>>,
    pub(super) sources: Vec<Cow<'a, str>>,
    pub(super) reason: Option<Cow<'a, str>>,
    /// What the tier of the event holds after it.
    pub(super) members: Option<Vec<Described<'a>>>,
    /// What each of several tiers holds after it.
    pub(super) tiers: Vec<(Cow<'a, str>, Vec<Described<'a>>)>,
}

impl<'a> Described<'a> {
    fn take(&mut self, name: &str, value: &'a str) {
        match name {
            "entry_id" | "id" => self.id = name_of(value).or(self.id.take()),
            "tier" => self.tier = name_of(value).or(self.tier.take()),
            "role" => self.role = name_of(value),
            "importance" => self.importance = number_of(value).filter(|number| number.is_finite()),
            "timestamp" | "created_at" => self.time = time_of(value).or(self.time.take()),
            "content" => self.content = Some(value),
            "metadata" => self.metadata = Some(value),
            _ => {}
        }
    }

    /// What only the metadata says, as Loom's `MetabolicMemory` has it.
    fn complete(&mut self) {
        let Some(metadata) = self.metadata else {
            return;
        };
        let mut inner = Self::default();
        let _ = members(metadata, |name, value| inner.take(name, value));
        self.tier = self.tier.take().or(inner.tier);
        self.importance = self.importance.or(inner.importance);
    }

    /// An element of a list of entries: an id, or an entry.
    fn read(json: &'a str) -> Self {
        let mut entry = Self::default();
        if json.starts_with('{') {
            let _ = members(json, |name, value| entry.take(name, value));
            entry.complete();
        } else {
            entry.id = name_of(json);
        }
        entry
    }

    fn list(json: &'a str) -> Option<Vec<Self>> {
        Some(elements(json)?.into_iter().map(Self::read).collect())
    }
}

impl<'a> Report<'a> {
    pub(super) fn read(data: &'a str) -> Option<Self> {
        let mut report = Self::default();
        let (mut to_tier, mut tiers) = (None, None);
        members(data, |name, value| match name {
            "node_id" | "owner" => report.owner = name_of(value),
            "entry_ids" | "evicted" => report.ids = names(value),
            "sources" => report.sources = names(value),
            "reason" => report.reason = name_of(value),
            "entries" => report.members = Described::list(value),
            "tiers" => tiers = Some(value),
            "to_tier" => to_tier = name_of(value),
            // An entry of its own is described like one in a list.
            "entry" => {
                let mut inner = Described::read(value);
                inner.id = inner.id.or(report.entry.id.take());
                inner.tier = inner.tier.or(report.entry.tier.take());
                report.entry = inner;
            }
            name => report.entry.take(name, value),
        })?;
        report.entry.complete();
        report.entry.tier = to_tier.or(report.entry.tier.take());
        let _ = members(tiers.unwrap_or_default(), |tier, value| {
            if let Some(list) = Described::list(value) {
                report.tiers.push((cut(Cow::Owned(tier.to_owned())), list));
            }
        });
        Some(report)
    }

    /// The descriptions of some entries, wherever the event has them: that of the event itself first if it has a content, else the first in its lists.
    pub(super) fn into_described(self, wanted: &BTreeSet<&str>) -> BTreeMap<String, Described<'a>> {
        let mut found = BTreeMap::new();
        let (first, last) = if self.entry.content.is_some() {
            (Some(self.entry), None)
        } else {
            (None, Some(self.entry))
        };
        let listed = self
            .members
            .into_iter()
            .flatten()
            .chain(self.tiers.into_iter().flat_map(|(_, list)| list));
        for entry in first.into_iter().chain(listed).chain(last) {
            if let Some(id) = entry.id.as_deref()
                && wanted.contains(id)
                && !found.contains_key(id)
            {
                found.insert(id.to_owned(), entry);
            }
        }
        found
    }
}

/// A name within bounds: a longer one is cut, so that it still tells most entries apart.
fn cut(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_BYTES {
        return name;
    }
    let end = (0..=MAX_NAME_BYTES)
        .rev()
        .find(|end| name.is_char_boundary(*end));
    Cow::Owned(name.get(..end.unwrap_or(0)).unwrap_or_default().to_owned())
}

/// A non-empty string, or a number as it is written.
fn name_of(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => text_of(value).filter(|name| !name.is_empty()).map(cut),
        b'-' | b'0'..=b'9' => Some(cut(Cow::Borrowed(value))),
        _ => None,
    }
}

fn names(value: &str) -> Vec<Cow<'_, str>> {
    let each = elements(value).unwrap_or_default();
    each.into_iter()
        .filter_map(|json| Described::read(json).id)
        .collect()
}

/// Epoch seconds or RFC 3339.
fn time_of(value: &str) -> Option<Timestamp> {
    if let Some(text) = text_of(value) {
        return Timestamp::parse_rfc3339(&text);
    }
    Timestamp::from_epoch_seconds(number_of(value)?)
}
