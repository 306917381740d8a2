//! The config file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// Settings as a TOML file holds them; every one may be absent, an unknown one is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) host: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) retention: Option<Age>,
    pub(super) retention_bytes: Option<Bytes>,
    #[serde(default)]
    pub(super) memory: bool,
    pub(super) memory_events: Option<usize>,
    pub(super) memory_bytes: Option<Bytes>,
    #[serde(default)]
    pub(super) tokens: Vec<TokenEntry>,
    #[serde(default)]
    pub(super) allow_hosts: Vec<String>,
    #[serde(default)]
    pub(super) allow_origins: Vec<String>,
    pub(super) log: Option<String>,
    pub(super) log_format: Option<LogFormatName>,
}

/// A token, and the one workspace it opens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) secret: String,
    pub(super) workspace: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogFormatName {
    Text,
    Json,
}

/// A size as a number, or as a text with K, M or G.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "BytesText")]
pub(super) struct Bytes(pub(super) u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum BytesText {
    Number(u64),
    Text(String),
}

impl TryFrom<BytesText> for Bytes {
    type Error = String;

    fn try_from(value: BytesText) -> Result<Self, String> {
        match value {
            BytesText::Number(bytes) => Ok(Self(bytes)),
            BytesText::Text(text) => parse_bytes(&text).map(Self),
        }
    }
}

/// How long events are kept; `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Age(pub(super) Option<Duration>);

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_age(&text)
    }
}

/// Reads an age: digits and s, m, h or d, or `off`.
pub(super) fn parse_age(text: &str) -> Result<Age, String> {
    let wrong =
        || format!("{text:?} is no age: expected digits and s, m, h or d (7d, say), or off");
    let text = text.trim();
    if text == "off" {
        return Ok(Age(None));
    }
    let (unit_at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text
        .get(..unit_at)
        .and_then(|digits| digits.trim().parse().ok())
        .ok_or_else(wrong)?;
    let seconds = number
        .checked_mul(seconds)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(wrong)?;
    Ok(Age(Some(Duration::from_secs(seconds))))
}

/// Reads a size: digits, and K, M or G for powers of 1024.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: expected digits and, if you like, K, M or G");
    let text_upper = text.trim().to_ascii_uppercase();
    let stem = text_upper.trim_end_matches('B').trim_end_matches('I');
    let (digits, shift) = match stem.char_indices().last() {
        Some((end, 'K')) => (stem.get(..end), 10),
        Some((end, 'M')) => (stem.get(..end), 20),
        Some((end, 'G')) => (stem.get(..end), 30),
        _ => (Some(stem), 0),
    };
    let number: u64 = digits
        .ok_or_else(wrong)?
        .trim()
        .parse()
        .map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// Reads a file. The error names the file, and the line and key where they are known.
pub(super) fn read(path: &Path) -> Result<ConfigFile, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_bytes("512"), Ok(512));
        assert_eq!(parse_bytes("2K"), Ok(2048));
        assert_eq!(parse_bytes("3 MiB"), Ok(3 << 20));
        assert_eq!(parse_bytes("1gb"), Ok(1 << 30));
        for bad in ["", "G", "-1", "1.5G", "99999999999G", "1T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ages_have_units() {
        let seconds = |text: &str| parse_age(text).map(|age| age.0.map(|age| age.as_secs()));
        assert_eq!(seconds("7d"), Ok(Some(604_800)));
        assert_eq!(seconds("90 s"), Ok(Some(90)));
        assert_eq!(seconds("off"), Ok(None));
        for bad in ["", "7", "d", "0h", "-1d", "1w", "99999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<ConfigFile>("prot = 1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("prot") && error.contains("port"), "{error}");
    }
}
