//! Serde helpers that take a value of the wanted shape and skip any other, without building it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A string, borrowed where it has no escapes; `None` for `null` and every other type.
#[derive(Debug, Default)]
pub(crate) struct LenientStr<'a>(pub(crate) Option<Cow<'a, str>>);

/// A number, or a string that holds one; `None` for every other value.
#[derive(Debug, Default)]
pub(crate) struct LenientNumber(pub(crate) Option<f64>);

/// Visits the members of an object; a value of another type has none. A repeated name comes each time, so a caller that overwrites keeps the last.
///
/// Unlike a derived structure it takes no array for an object and doesn't stop at a repeated name.
pub(crate) fn each_member<'a>(
    json: &'a str,
    visit: impl FnMut(&str, &'a RawValue),
) -> serde_json::Result<()> {
    struct Members<F>(F);
    impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
            while let Some(LenientStr(name)) = entries.next_key::<LenientStr<'de>>()? {
                let value = entries.next_value()?;
                (self.0)(name.as_deref().unwrap_or_default(), value);
            }
            Ok(())
        }
    }
    if json.trim_ascii_start().starts_with('{') {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        deserializer.deserialize_map(Members(visit))?;
        deserializer.end()?;
    }
    Ok(())
}

/// The string a value holds; `None` for every other type.
pub(crate) fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<LenientStr<'_>>(value.get()).ok()?.0
}

macro_rules! skip_others {
    ($value:ty, $empty:expr; $($visit:ident: $from:ty),*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }
        $(fn $visit<E>(self, _: $from) -> Result<$value, E> {
            Ok($empty)
        })*
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($empty)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<$value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($empty)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<$value, A::Error> {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($empty)
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for LenientStr<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor<'a>(PhantomData<&'a ()>);
        impl<'de> Visitor<'de> for StrVisitor<'de> {
            type Value = LenientStr<'de>;
            skip_others!(LenientStr<'de>, LenientStr(None); visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<LenientStr<'de>, E> {
                Ok(LenientStr(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<LenientStr<'de>, E> {
                Ok(LenientStr(Some(Cow::Owned(text.to_owned()))))
            }
        }
        deserializer.deserialize_any(StrVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for LenientNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl<'de> Visitor<'de> for NumberVisitor {
            type Value = LenientNumber;
            skip_others!(LenientNumber, LenientNumber(None); visit_bool: bool);
            fn visit_f64<E>(self, number: f64) -> Result<LenientNumber, E> {
                Ok(LenientNumber(Some(number)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<LenientNumber, E> {
                Ok(LenientNumber(Some(number as f64)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<LenientNumber, E> {
                Ok(LenientNumber(Some(number as f64)))
            }
            fn visit_str<E>(self, text: &str) -> Result<LenientNumber, E> {
                Ok(LenientNumber(text.parse().ok()))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}
