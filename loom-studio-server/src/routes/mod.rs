//! The routes, and the layers around them.

mod body;
mod conditions;
pub(crate) mod events;
pub(crate) mod filter;
mod first;
mod memory;
mod memory_state;
mod metrics;
mod ops;
mod replay;
pub(crate) mod runs;
mod sessions;
mod topology;
mod transfer;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, http};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, Problem};
use crate::http::{assets, security};
use crate::state::AppState;
use crate::ws;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Loom Studio",
        description = "Events, runs, topology and sessions of Loom applications. WebSocket routes are described in docs/ws-protocol.md.",
        license(name = "MIT OR Apache-2.0")
    ),
    // An id has slashes, which OpenAPI's paths can't say of a parameter: `router` has the route that takes them.
    paths(memory::show),
    components(schemas(Problem)),
    tags(
        (name = "events", description = "The event log"),
        (name = "views", description = "Folds over the log"),
        (name = "replay", description = "Travelling in what was recorded"),
        (name = "operation", description = "The server itself")
    )
)]
struct Api;

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(events::post))
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(first::first))
        .routes(routes!(conditions::suggest))
        .routes(routes!(transfer::export))
        .routes(routes!(transfer::import))
        .routes(routes!(topology::show))
        .routes(routes!(sessions::list))
        .routes(routes!(memory::list))
        .routes(routes!(memory_state::show))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(replay::create))
        .routes(routes!(replay::show, replay::delete))
        .routes(routes!(replay::cursor::step))
        .routes(routes!(replay::cursor::jump))
        .routes(routes!(replay::cursor::run))
        .routes(routes!(replay::cursor::play))
        .routes(routes!(replay::cursor::pause))
        .routes(routes!(replay::breakpoints::list, replay::breakpoints::set))
        .routes(routes!(replay::state::show))
        .routes(routes!(replay::state::diff))
        .routes(routes!(metrics::show))
        .routes(routes!(ops::healthz))
        .routes(routes!(ops::readyz))
        .routes(routes!(ops::metrics))
        .routes(routes!(ops::openapi))
}

/// The API description, as `/api/openapi.json` answers it.
pub fn openapi() -> String {
    let mut json = api().to_openapi().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

/// The whole application.
pub(crate) fn router(state: AppState) -> Router {
    let (router, _) = api().split_for_parts();
    let body_limit = state.limits.max_body_bytes;
    router
        .route("/api/memory/{*node_id}", get(memory::show))
        .route("/ws/ingest", any(ws::ingest))
        .route("/ws/events", any(ws::events))
        .fallback(assets::page)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            security::guard,
        ))
        .layer(middleware::from_fn(common_headers))
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| -> http::Response<axum::body::Body> {
                let detail = "the server failed; its log says why";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
            },
        ))
        .layer(TraceLayer::new_for_http().on_response(()).on_failure(()))
        .with_state(state)
}

async fn wrong_method(request: Request) -> ApiError {
    let detail = format!(
        "{} is not answered at {}",
        request.method(),
        request.uri().path()
    );
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// What every answer says, errors included.
async fn common_headers(request: Request, next: Next) -> Response {
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    let mut response = next.run(request).await;
    let is_refused = is_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if is_refused {
        // A WebSocket client that was refused reads to the end of the connection.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}
