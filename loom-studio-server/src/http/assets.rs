//! The web page's files, built into the binary.

use std::sync::LazyLock;

use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Deserialize;

use crate::error::ApiError;

#[derive(RustEmbed)]
#[folder = "ui/"]
#[include = "dist/*"]
#[include = "csp-hashes.json"]
#[allow_missing = true]
struct Files;

/// What paths begin with that are never the page's: a wrong one is an error, not the page.
const API_PREFIXES: [&str; 6] = ["api", "ws", "events", "metrics", "healthz", "readyz"];
const NOT_BUILT: &str = "<!doctype html><title>Loom Studio</title><p>This server was built without its web page. Build it with <code>npm ci && npm run build</code> in <code>loom-studio-server/ui</code>, then build the server again.";

/// Hashes of style elements that a library of the page adds; the page's build writes them.
#[derive(Debug, Default, Deserialize)]
struct CspHashes {
    #[serde(rename = "style-src", default)]
    style: Vec<String>,
}

/// Everything from this origin, nothing inline but the listed styles, no frames.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hashes: CspHashes = Files::get("csp-hashes.json")
        .and_then(|file| serde_json::from_slice(&file.data).ok())
        .unwrap_or_default();
    let quoted = hashes
        .style
        .iter()
        .fold(String::new(), |quoted, hash| quoted + " '" + hash + "'");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'{quoted}; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
         worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"))
});

/// Answers every path no route takes: a file of the page, the page itself, or an error.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if API_PREFIXES.contains(&path.split('/').nth(1).unwrap_or_default()) {
        return ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no route {path}"),
        )
        .into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let detail = format!("{path} can only be read");
        let refusal = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        return ([(ALLOW, "GET, HEAD")], refusal).into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = Files::get(&format!("dist/{name}")).filter(|_| !name.is_empty()) {
        return serve(name, &file, &headers);
    }
    // A missing file is an error; any other path is a view of the page, which reads the path itself.
    let last = name.rsplit('/').next().unwrap_or_default();
    if name.starts_with("assets/") || last.contains('.') {
        return ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no file {path}"),
        )
        .into_response();
    }
    match Files::get("dist/index.html") {
        Some(file) => serve("index.html", &file, &headers),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn serve(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    // Weak, because the same tag stands for the compressed and the plain form.
    let hash = file.metadata.sha256_hash();
    let tag = hash
        .first_chunk()
        .map_or(0, |head| u128::from_be_bytes(*head));
    let tag = format!("W/\"{tag:032x}\"");
    // Names under assets/ carry a hash of their content.
    let cache = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut response = if known
        .split(',')
        .any(|known| known.trim() == tag || known.trim() == "*")
    {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = mime_guess::from_path(name).first_or_octet_stream();
        let kind = if kind.type_() == "text" {
            format!("{kind}; charset=utf-8")
        } else {
            kind.to_string()
        };
        ([(CONTENT_TYPE, kind)], file.data.clone()).into_response()
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    fields.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(ETAG, tag);
    }
    response
}
