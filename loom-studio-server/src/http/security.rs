//! Who may ask: `Host`, `Origin`, token, workspace. Checked before anything else, on every request and WebSocket upgrade.
//!
//! The `Host` check stops DNS rebinding, the `Origin` check stops pages of other sites from reading (and, over WebSocket, from writing). A request without `Origin` comes from no
//! page, and is judged by `Host` and token alone.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::ApiError;
use crate::settings::{Settings, Token};
use crate::state::AppState;

/// The rules, made from the settings once the port is known.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Loopback names that stand for the standard port: compared as they are, while a configured name without a port stands for every port.
    bare_hosts: &'static [&'static str],
    hosts: Vec<String>,
    origins: Vec<String>,
    tokens: Vec<Token>,
}

/// The tenant a request works in.
#[derive(Debug, Clone)]
pub(crate) struct Workspace(pub(crate) Arc<str>);

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// The tenant of a request that names none.
const DEFAULT_WORKSPACE: &str = "default";
const MAX_WORKSPACE_CHARS: usize = 128;
/// Answer without a token, so that a supervisor needs none.
const OPEN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

impl Guard {
    pub(crate) fn new(settings: &Settings, bound: SocketAddr) -> Self {
        let port = bound.port();
        let mut hosts: Vec<String> = LOOPBACK
            .iter()
            .map(|name| format!("{name}:{port}"))
            .collect();
        if !bound.ip().is_unspecified() {
            hosts.push(bound.to_string());
        }
        hosts.extend(
            settings
                .allow_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase()),
        );
        let origins = settings
            .allow_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Self {
            bare_hosts: if port == 80 { &LOOPBACK } else { &[] },
            hosts,
            origins,
            tokens: settings.tokens.clone(),
        }
    }

    fn allows_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(&*host, |(name, _)| name);
        // A configured name without a port stands for every port.
        self.bare_hosts.contains(&&*host)
            || self
                .hosts
                .iter()
                .any(|allowed| *allowed == host || *allowed == name)
    }

    fn allows_origin(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        self.origins.contains(&origin) || host.is_some_and(|host| self.allows_host(host))
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Workspace, ApiError> {
        let host = uri
            .authority()
            .map(Authority::as_str)
            .or_else(|| text(headers, &header::HOST));
        if !host.is_some_and(|host| self.allows_host(host)) {
            let detail = "this Host is not allowed; a proxy's name is allowed with --allow-host";
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "forbidden_host",
                detail,
            ));
        }
        if headers.contains_key(header::ORIGIN)
            && !text(headers, &header::ORIGIN).is_some_and(|origin| self.allows_origin(origin))
        {
            let detail = "pages of this Origin are not allowed; allow it with --allow-origin";
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "forbidden_origin",
                detail,
            ));
        }
        let bound_to = if self.tokens.is_empty() || OPEN_PATHS.contains(&uri.path()) {
            None
        } else {
            let secret = credentials(headers).unwrap_or_default();
            // Every token is compared, so that timing tells nothing about which of them came close.
            let known = self.tokens.iter().fold(None, |found, token| {
                if same(&token.secret, &secret) {
                    Some(token)
                } else {
                    found
                }
            });
            let Some(token) = known else {
                let detail = "a token is needed: Authorization: Bearer TOKEN, or as the password of Basic credentials";
                return Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    detail,
                ));
            };
            token.workspace.clone()
        };
        workspace(uri, bound_to)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    // Two values are an attempt to show different readers different ones.
    values.next().is_none().then_some(value)
}

fn credentials(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = text(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        return decoded
            .split_once(':')
            .map(|(_, password)| password.to_owned());
    }
    None
}

/// Compares in a time that depends on the lengths alone.
fn same(secret: &str, given: &str) -> bool {
    let difference = secret
        .bytes()
        .zip(given.bytes())
        .fold(0, |difference, (a, b)| difference | (a ^ b));
    secret.len() == given.len() && std::hint::black_box(difference) == 0
}

fn workspace(uri: &Uri, bound_to: Option<String>) -> Result<Workspace, ApiError> {
    let asked = uri.query().and_then(|query| {
        let value = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("workspace="))?;
        Some(
            percent_encoding::percent_decode_str(&value.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned(),
        )
    });
    if let Some(name) = &asked
        && (name.is_empty()
            || name.chars().count() > MAX_WORKSPACE_CHARS
            || name.chars().any(char::is_control))
    {
        let detail = format!(
            "workspace: expected 1 to {MAX_WORKSPACE_CHARS} characters without control characters"
        );
        return Err(ApiError::invalid(detail));
    }
    match (asked, bound_to) {
        (Some(asked), Some(bound)) if asked != bound => {
            let detail = "this token belongs to another workspace";
            Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "forbidden_workspace",
                detail,
            ))
        }
        (asked, bound) => Ok(Workspace(
            asked
                .or(bound)
                .unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned())
                .into(),
        )),
    }
}

/// The middleware: refuses, or lets pass with the [`Workspace`] as an extension.
pub(crate) async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    match state.guard.check(request.uri(), request.headers()) {
        Ok(workspace) => {
            request.extensions_mut().insert(workspace);
            next.run(request).await
        }
        Err(refusal) => {
            tracing::debug!(
                path = request.uri().path(),
                reason = refusal.detail(),
                "request refused"
            );
            refusal.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let settings = Settings {
            allow_hosts: vec!["studio.example".into(), "other.example:8443".into()],
            allow_origins: vec!["https://app.example".into()],
            ..Settings::default()
        };
        Guard::new(&settings, SocketAddr::from(([127, 0, 0, 1], 8765)))
    }

    #[test]
    fn hosts_are_exact() {
        let guard = guard();
        for host in [
            "localhost:8765",
            "127.0.0.1:8765",
            "[::1]:8765",
            "LOCALHOST:8765",
            "studio.example",
            "studio.example:99",
            "other.example:8443",
        ] {
            assert!(guard.allows_host(host), "{host}");
        }
        for host in [
            "",
            "localhost",
            "localhost:8766",
            "evil.example:8765",
            "localhost.evil.example:8765",
            "[::1]",
            "other.example",
            "studio.example.evil",
        ] {
            assert!(!guard.allows_host(host), "{host}");
        }
    }

    #[test]
    fn the_standard_port_may_be_left_out_but_not_be_another() {
        let guard = Guard::new(&Settings::default(), SocketAddr::from(([127, 0, 0, 1], 80)));
        assert!(guard.allows_host("localhost") && guard.allows_host("localhost:80"));
        assert!(guard.allows_origin("http://localhost"));
        assert!(
            !guard.allows_host("localhost:3000") && !guard.allows_origin("http://127.0.0.1:3000")
        );
    }

    #[test]
    fn origins_are_exact() {
        let guard = guard();
        for origin in [
            "http://localhost:8765",
            "https://studio.example",
            "https://app.example",
        ] {
            assert!(guard.allows_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost:3000",
            "file://localhost:8765",
            "https://app.example.evil",
        ] {
            assert!(!guard.allows_origin(origin), "{origin}");
        }
    }

    #[test]
    fn secrets_compare_whole() {
        assert!(same("abc", "abc"));
        for other in ["", "ab", "abd", "abcd"] {
            assert!(!same("abc", other), "{other}");
        }
    }
}
