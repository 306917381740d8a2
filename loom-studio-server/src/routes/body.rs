//! Request bodies.

use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A body of at most so many bytes. The router's own limit holds too.
pub(super) fn read(
    body: Result<Bytes, BytesRejection>,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    let too_large = || {
        let detail = format!("the body is larger than {max_bytes} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    match body {
        Ok(body) if body.len() > max_bytes => Err(too_large()),
        Ok(body) => Ok(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Err(rejection) => Err(ApiError::new(
            rejection.status(),
            "invalid_body",
            rejection.body_text(),
        )),
    }
}

/// A JSON body, whatever its content type says.
pub(super) fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            format!("the body is not the JSON that is expected here: {error}"),
        )
    })
}
