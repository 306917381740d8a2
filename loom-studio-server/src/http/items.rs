//! Lists of events, with a bound on how many.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Most events in one batch. A few bytes each would otherwise become hundreds in memory and in the answer.
pub(crate) const MAX_ITEMS: usize = 65_536;

/// The items of a JSON array, as text; an error when there are more than [`MAX_ITEMS`].
#[derive(Debug, Default)]
pub(crate) struct Items<'a>(pub(crate) Vec<&'a RawValue>);

fn too_many() -> String {
    format!("a batch has at most {MAX_ITEMS} events")
}

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;
        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of events")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<&'de RawValue>()? {
                    if items.len() >= MAX_ITEMS {
                        return Err(A::Error::custom(too_many()));
                    }
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_bound() {
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(
            serde_json::from_str::<Items<'_>>(&list(MAX_ITEMS))
                .unwrap()
                .0
                .len(),
            MAX_ITEMS
        );
        let error = serde_json::from_str::<Items<'_>>(&list(MAX_ITEMS + 1)).unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }
}
