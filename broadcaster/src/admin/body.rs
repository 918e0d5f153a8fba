//! The body of an action: JSON, within bounds of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::answer::Refusal;

/// How long a body may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// What beside an event is in a body, and all of one that has no event: the longest lists of channels fit.
pub(super) const MAX_BESIDE_EVENT: usize = 64 * 1024;

/// Reads a body to its end.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let Ok(read) = timeout(TIMEOUT, Limited::new(body, limit).collect()).await else {
        return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body of the request has not come in time"));
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let sentence = format!("the body has more than {limit} bytes");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence))
        }
        Err(error) => Err(Refusal::bad(format!("the body of the request cannot be read: {error}"))),
    }
}

/// What the body says. Keys that nobody knows are mistakes.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "the request cannot be understood" } else { "the body is no JSON" };
        Refusal::bad(format!("{what}: {error}"))
    })
}
