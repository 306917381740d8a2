//! What a value means, by the kind of the field it is compared with.

use super::ast::{Comparison, UNITS, Value};
use super::decimal::Decimal;
use super::field::Kind;
use super::lexer::Token;
use crate::clock::Timestamp;

/// Words that are no value without quotes.
pub(super) const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "contains", "matches", "exists"];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Reads a value; the error is half a sentence.
pub(super) fn read(kind: Kind, comparison: Comparison, token: Token<'_>) -> Result<Value, String> {
    let value = match token {
        Token::Word("null") => Value::Null,
        Token::Word(word) => return_word(kind, word)?,
        Token::Text(text) => quoted(kind, text)?,
        Token::Prefix(prefix) => match kind {
            Kind::Text | Kind::Node | Kind::Hex | Kind::Json => Value::Prefix(prefix),
            Kind::Number | Kind::Time | Kind::Duration | Kind::Free => {
                return Err("only text has a beginning to compare with".to_owned());
            }
        },
        _ => return Err("expected a value".to_owned()),
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Prefix(_) if comparison.is_order() => Err(format!(
            "{} needs a number, a time, a duration or a text",
            comparison.as_str()
        )),
        value => Ok(value),
    }
}

fn return_word(kind: Kind, word: &str) -> Result<Value, String> {
    match kind {
        Kind::Text | Kind::Node | Kind::Hex | Kind::Free => Ok(Value::Text(word.to_owned())),
        Kind::Number => Decimal::parse(word)
            .map(Value::Number)
            .ok_or_else(|| "expected a number".to_owned()),
        Kind::Time => time(word),
        Kind::Duration => duration(word).map(Value::Duration).ok_or_else(no_duration),
        Kind::Json => match word {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            word if duration(word).is_some() => Err(
                "a number in an event has no unit: leave the unit out, or quote the text"
                    .to_owned(),
            ),
            word => Ok(
                Decimal::parse(word).map_or_else(|| Value::Text(word.to_owned()), Value::Number)
            ),
        },
    }
}

fn quoted(kind: Kind, text: String) -> Result<Value, String> {
    match kind {
        Kind::Number => Err("expected a number, without quotes".to_owned()),
        Kind::Time => time(&text),
        Kind::Duration => duration(&text).map(Value::Duration).ok_or_else(no_duration),
        Kind::Text | Kind::Node | Kind::Hex | Kind::Free | Kind::Json => Ok(Value::Text(text)),
    }
}

fn no_duration() -> String {
    "expected a duration such as 500ms, 2s or 1.5h".to_owned()
}

/// RFC 3339, or seconds since 1970 with up to nine decimals.
fn time(text: &str) -> Result<Value, String> {
    let seconds = || {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let nanos = i64::try_from(scaled(digits, 1_000_000_000)?).ok()?;
        Some(Timestamp::from_nanos(if is_negative {
            -nanos
        } else {
            nanos
        }))
    };
    seconds()
        .or_else(|| Timestamp::parse_rfc3339(text))
        .map(Value::Time)
        .ok_or_else(|| "expected a time such as 2026-01-02T03:04:05Z, or epoch seconds".to_owned())
}

/// Nanoseconds of a number and its unit.
fn duration(text: &str) -> Option<u64> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "µs" | "μs" => "us",
        "min" => "m",
        unit => unit,
    };
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
    scaled(number, *nanos)
}

/// A decimal number without sign or exponent, times `unit`; `None` when the product is no whole number that fits.
fn scaled(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| -> Option<u64> {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    let fraction = match fraction.trim_end_matches('0') {
        "" if fraction.is_empty() => return None,
        "" => "0",
        fraction => fraction,
    };
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = u128::from(digits(fraction)?).checked_mul(u128::from(unit))?;
    if !part.is_multiple_of(scale) {
        return None;
    }
    let whole = digits(whole)?.checked_mul(unit)?;
    whole.checked_add(u64::try_from(part / scale).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        for (text, nanos) in [
            ("500ms", Some(500_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("2s", Some(2_000_000_000)),
            ("2.0s", Some(2_000_000_000)),
            ("3min", Some(180_000_000_000)),
            ("1d", Some(86_400_000_000_000)),
            ("0.1us", Some(100)),
            ("1µs", Some(1_000)),
            ("0s", Some(0)),
            ("0.5ns", None),
            ("1.s", None),
            (".5s", None),
            ("s", None),
            ("1", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("1 s", None),
            ("1parsec", None),
            ("1000000d", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text), nanos, "{text}");
        }
    }

    #[test]
    fn times_are_rfc_3339_or_epoch_seconds() {
        for (text, nanos) in [
            ("2026-01-02T03:04:05Z", Some(1_767_323_045_000_000_000)),
            (
                "2026-01-02T04:04:05.000000001+01:00",
                Some(1_767_323_045_000_000_001),
            ),
            ("1767323045.000000001", Some(1_767_323_045_000_000_001)),
            ("-1.5", Some(-1_500_000_000)),
            ("yesterday", None),
            ("99999999999", None),
        ] {
            let expected = nanos.map(|nanos| Value::Time(Timestamp::from_nanos(nanos)));
            assert_eq!(time(text).ok(), expected, "{text}");
        }
    }
}
