//! What the admin listener answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use super::answer::Refusal;
use super::{App, clients, guard, page, publishing, ready, status};

/// The paths, as they are counted.
const ENDPOINTS: [&str; 10] = [
    "/metrics",
    "/live",
    "/ready",
    "/status",
    "/status.json",
    "/status/events",
    "/publish",
    "/disconnect",
    "/unsubscribe",
    "/channels",
];
const OTHER: &str = "other";

/// For every answer: no page of another site shows it, takes it for a script, or keeps it.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(status::metrics))
        .route("/live", get(ready::live))
        .route("/ready", get(ready::ready))
        .route("/status", get(page::page))
        .route("/status.json", get(status::status))
        .route("/status/events", get(status::events))
        .route("/publish", post(publishing::publish))
        .route("/disconnect", post(clients::disconnect))
        .route("/unsubscribe", post(clients::unsubscribe))
        .route("/channels", post(clients::list))
        .fallback(unknown)
        .method_not_allowed_fallback(another_method)
        .layer(from_fn_with_state(app.clone(), guard::check))
        .layer(from_fn_with_state(app.clone(), finish))
        .with_state(app)
}

async fn unknown() -> Refusal {
    let paths = ENDPOINTS.join(", ");
    Refusal::new(StatusCode::NOT_FOUND, format!("there is nothing here; there are {paths}"))
}

async fn another_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "use GET to read and POST for actions")
}

/// Counts an answer, and gives it the headers that it does not have.
async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let endpoint = ENDPOINTS.into_iter().find(|endpoint| *endpoint == path).unwrap_or(OTHER);
    let mut response = next.run(request).await;
    app.observer.counters().api_request(endpoint, response.status().as_u16());
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
