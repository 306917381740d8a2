//! Errors as RFC 9457 problem documents.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use loom_studio_core::{ConditionError, Error, ErrorKind, Reject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:loom-studio:error:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to branch on. Stable.
    code: String,
    /// What happened, for people.
    detail: String,
    /// With the code `invalid_condition`: where in the condition, in UTF-16 code units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// With the code `invalid_condition`: words that could stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<Vec<String>>,
}

/// An error on its way to a client: a status, a stable code and a text that holds nothing private.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    retry_after_seconds: Option<u32>,
    /// Where in a condition, and what could stand there.
    place: Option<(usize, Vec<String>)>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            retry_after_seconds: None,
            place: None,
        }
    }

    /// A text that is no condition.
    pub(crate) fn condition(text: &str, error: &ConditionError) -> Self {
        Self {
            place: Some((error.utf16_position(text), error.expected.clone())),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_condition",
                error.to_string(),
            )
        }
    }

    /// All replay sessions there may be are in use.
    pub(crate) fn too_many_replays(detail: impl Into<String>) -> Self {
        Self {
            retry_after_seconds: Some(60),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_replays", detail)
        }
    }

    /// The breakpoints of all replay sessions hold as many regular expressions as there may be.
    pub(crate) fn too_many_patterns(detail: impl Into<String>) -> Self {
        Self {
            retry_after_seconds: Some(60),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_patterns", detail)
        }
    }

    /// Says what the error is about, where there are many of a kind.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.detail = format!("{what}: {}", self.detail);
        self
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Where in a condition, in UTF-16 code units, and what could stand there.
    pub(crate) fn place(&self) -> Option<&(usize, Vec<String>)> {
        self.place.as_ref()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

/// What a client may read of an error of the store. The cause may name paths: it goes to the log.
pub(crate) fn public_detail(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Invalid
        | ErrorKind::EpochMismatch
        | ErrorKind::Gone
        | ErrorKind::Full
        | ErrorKind::Closed => error.to_string(),
        _ => {
            tracing::error!(%error, cause = ?std::error::Error::source(error), "the store failed");
            "the store failed; the server's log says why".to_owned()
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        let status = match kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::EpochMismatch => StatusCode::CONFLICT,
            ErrorKind::Gone => StatusCode::GONE,
            ErrorKind::Full | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = public_detail(&error);
        let retry_after_seconds = (kind == ErrorKind::Full).then_some(1);
        Self {
            status,
            code: kind.code().into(),
            detail,
            retry_after_seconds,
            place: None,
        }
    }
}

impl From<Reject> for ApiError {
    fn from(reject: Reject) -> Self {
        Self::rejected(reject.code, reject.detail)
    }
}

impl ApiError {
    /// The answer to a request whose only event breaks a rule.
    pub(crate) fn rejected(code: loom_studio_core::RejectCode, detail: String) -> Self {
        let status = match code {
            loom_studio_core::RejectCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, code.as_str(), detail)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (position, expected) = self.place.unzip();
        let problem = Problem {
            kind: format!("urn:loom-studio:error:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code.into_owned(),
            detail: self.detail,
            position,
            expected,
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("Basic realm=\"Loom Studio\", charset=\"UTF-8\", Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
