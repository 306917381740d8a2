//! Equality of JSON scalars as RFC 6902 §4.6 has it: numbers by value, strings by code point.

use std::borrow::Cow;

use crate::event::scan::text_of;

/// Whether two scalars, as JSON text, are the same value.
pub(super) fn same_scalar(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (one.as_bytes().first(), other.as_bytes().first()) {
        (Some(b'"'), Some(b'"')) => match (text_of(one), text_of(other)) {
            (Some(one), Some(other)) => one == other,
            // Half of a surrogate pair is no text: such strings are the same only when written the same.
            _ => false,
        },
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => {
            let (one, other) = (Decimal::read(one), Decimal::read(other));
            one.is_some() && one == other
        }
        _ => false,
    }
}

/// A number as digits without zeros at either end, times a power of ten: exact for any length.
#[derive(PartialEq, Eq)]
struct Decimal<'a> {
    is_negative: bool,
    digits: Cow<'a, str>,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = if fraction.is_empty() {
            Cow::Borrowed(whole)
        } else {
            Cow::Owned(format!("{whole}{fraction}"))
        };
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self {
                is_negative: false,
                digits: Cow::Borrowed(""),
                exponent: 0,
            });
        }
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        Some(Self {
            is_negative,
            exponent: exponent.checked_add(i64::try_from(zeros).ok()?)?,
            digits: Cow::Owned(significant.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_equal_by_value_and_strings_by_code_point() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0", "0.00"),
            ("0.1", "1E-1"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890.0",
            ),
            ("\"a\"", "\"\\u0061\""),
        ] {
            assert!(same_scalar(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("1", "-1"),
            ("1", "10"),
            ("9007199254740992", "9007199254740993"),
            ("1", "\"1\""),
            ("null", "false"),
            ("1e99999999999999999999", "2"),
            ("\"\\ud83d\"", "\"\\ud83e\""),
        ] {
            assert!(!same_scalar(one, other), "{one} {other}");
        }
    }
}
