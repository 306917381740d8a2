//! Where the server is and how to introduce oneself there, read from the settings.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::config::{ConfigError, SenderConfig};

const INGEST_PATH: &str = "/ws/ingest";

/// A server's address, checked.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) is_tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// What the upgrade asks for: `ws://host:port/path?query`, without credentials.
    pub(super) uri: Uri,
    pub(super) authorization: Option<HeaderValue>,
}

impl Target {
    pub(super) fn of(config: &SenderConfig) -> Result<Self, ConfigError> {
        let url = config.url.trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => ("ws", url),
        };
        let (is_tls, scheme, default_port) = match &*scheme.to_ascii_lowercase() {
            "ws" | "http" => (false, "ws", 80),
            "wss" | "https" => (true, "wss", 443),
            // What stands there may be a token in the wrong place, so it isn't repeated.
            _ => return Err(invalid("expected ws://, wss://, http:// or https://")),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let with_scheme = format!("{scheme}://{rest}");
        let uri: Uri = with_scheme
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        let authority = uri.authority().ok_or_else(|| invalid("no host"))?;
        let (userinfo, place) = match authority.as_str().rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority.as_str()),
        };
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("no host"));
        }
        let port = match place
            .strip_prefix(host)
            .and_then(|rest| rest.strip_prefix(':'))
        {
            None | Some("") => default_port,
            Some(port) => port.parse().map_err(|_| invalid("no such port"))?,
        };

        let path = uri.path().trim_end_matches('/');
        let path = if path.ends_with(INGEST_PATH) {
            path.to_owned()
        } else {
            format!("{path}{INGEST_PATH}")
        };
        let mut query = uri.query().unwrap_or_default().to_owned();
        let names_workspace = query.split('&').any(|pair| pair.starts_with("workspace="));
        if let Some(workspace) = &config.workspace
            && !names_workspace
        {
            let separator = if query.is_empty() { "" } else { "&" };
            let workspace = utf8_percent_encode(workspace, NON_ALPHANUMERIC);
            query = format!("{query}{separator}workspace={workspace}");
        }
        let separator = if query.is_empty() { "" } else { "?" };
        let clean = format!("{scheme}://{host}:{port}{path}{separator}{query}");
        Ok(Self {
            is_tls,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port,
            uri: clean
                .parse()
                .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?,
            authorization: authorization(config.token.as_deref(), userinfo)?,
        })
    }
}

/// `host:port`, for messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn invalid(reason: &str) -> ConfigError {
    ConfigError::Url(reason.to_owned())
}

fn authorization(
    token: Option<&str>,
    userinfo: Option<&str>,
) -> Result<Option<HeaderValue>, ConfigError> {
    let value = match (token.filter(|token| !token.is_empty()), userinfo) {
        (Some(token), _) => format!("Bearer {token}"),
        (None, Some(userinfo)) => {
            let decoded: Vec<u8> = percent_decode_str(userinfo).collect();
            format!("Basic {}", STANDARD.encode(decoded))
        }
        (None, None) => return Ok(None),
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| ConfigError::Token)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, ConfigError> {
        Target::of(&SenderConfig::new(url))
    }

    #[test]
    fn urls_are_understood() {
        for (url, uri, place) in [
            (
                "ws://localhost:8765",
                "ws://localhost:8765/ws/ingest",
                "localhost:8765",
            ),
            ("http://h/", "ws://h:80/ws/ingest", "h:80"),
            ("https://h/a/", "wss://h:443/a/ws/ingest", "h:443"),
            (
                "wss://h:1/a/ws/ingest?x=1",
                "wss://h:1/a/ws/ingest?x=1",
                "h:1",
            ),
            ("ws://u:p@[::1]:5", "ws://[::1]:5/ws/ingest", "[::1]:5"),
            ("ws://[::1]", "ws://[::1]:80/ws/ingest", "[::1]:80"),
            (" 127.0.0.1:9 ", "ws://127.0.0.1:9/ws/ingest", "127.0.0.1:9"),
        ] {
            let target = target(url).unwrap();
            assert_eq!(
                (target.uri.to_string(), target.to_string()),
                (uri.to_owned(), place.to_owned()),
                "{url}"
            );
            assert_eq!(target.is_tls, uri.starts_with("wss"), "{url}");
        }
    }

    #[test]
    fn wrong_urls_are_told_without_what_is_secret() {
        for url in [
            "",
            "ws://",
            "ftp://h",
            "s3cret://h",
            "ws://u:s3cret@",
            "ws://h:99999",
            "ws://h h",
            "ws://u:s3cret@h:x",
        ] {
            let error = target(url).map(drop).unwrap_err();
            assert!(matches!(error, ConfigError::Url(_)), "{url}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{url}: {error}");
        }
        let token = Target::of(&SenderConfig {
            token: Some("s3cret\n".to_owned()),
            ..SenderConfig::default()
        });
        let error = token.map(drop).unwrap_err();
        assert!(matches!(error, ConfigError::Token), "{error}");
    }
}
