//! `GET /live` and `/ready`: whether the process answers, and whether clients should be sent to it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::App;

/// `GET /live`
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /ready`: a line for each problem.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let status = app.look().await;
    let problems = status.problems.iter().map(|problem| problem.what.as_str());
    let lines: String = app.stops().into_iter().chain(problems).map(|problem| format!("{problem}\n")).collect();
    if lines.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
