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
    let problems = app.problems().await;
    if problems.is_empty() {
        return "ok\n".into_response();
    }
    let lines: String = problems.iter().map(|problem| format!("{}\n", problem.what)).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
