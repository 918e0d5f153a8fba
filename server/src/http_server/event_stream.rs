//! From a request for server-sent events to a client of the hub. A browser that is answered anything but 200 does
//! not connect again, and tells its page only that it failed: so only permanent problems are refused.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http_server::accepted::Accepted;
use crate::http_server::answer::{self, encode};
use crate::http_server::error::HttpError;
use crate::http_server::gate::Gate;
use crate::http_server::head::Head;
use crate::http_server::proxies::Sender;
use crate::http_server::refusal::Refusal;
use crate::permit::PendingPermit;
use crate::protocol::sse::Form;
use crate::protocol::{Opening, sse};

/// Makes clients of requests for server-sent events.
#[derive(Debug)]
pub(super) struct EventStreams {
    pub(super) gate: Arc<Gate>,
}

impl EventStreams {
    /// Accepts a request, or answers why not. None: it is answered, since it asks for the head alone.
    pub(super) async fn accept(
        &self,
        stream: &mut TcpStream,
        head: Head,
        sender: Sender,
        pending: &mut PendingPermit,
    ) -> Result<Option<Accepted>, HttpError> {
        let mut headers = HeaderMap::new();
        self.gate.let_read(&mut headers, head.origin(), head.host());
        let admitted = match self.gate.check_host_and_origin(&head) {
            Ok(()) => self.gate.admit_stream(&head, sender, pending).await,
            Err(refusal) => Err(refusal),
        };
        let (is_named, wants) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(refuse(stream, &head, headers, refusal).await),
        };
        if head.is_head() {
            stream.write_all(&response(headers)?).await?;
            return Ok(None);
        }
        match pending.complete() {
            Ok(permit) => {
                // What came after the request has no meaning.
                let form = Form { is_named, needs_data: is_firefox(&head) };
                let (opening, response) = (Opening::Sse { form, wants }, response(headers)?);
                Ok(Some(Accepted { head, response, opening, permit }))
            }
            Err(too_many) => Err(postpone(stream, &head, headers, HttpError::TooMany(too_many)).await),
        }
    }
}

/// Whether the client says that it is Firefox. Other clients would show their users blocks with data.
fn is_firefox(head: &Head) -> bool {
    head.user_agent().is_some_and(|agent| agent.contains("Firefox/"))
}

/// The head of a stream. It ends with its connection, which every version of HTTP and every proxy understands: chunks
/// would have to be put around the bytes that all clients share.
fn response(mut headers: HeaderMap) -> Result<Vec<u8>, HttpError> {
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // nginx keeps the events back otherwise, until it has several KiB of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    encode(&response)
}

/// Tells a client to come back. Returns what the log says.
async fn postpone(stream: &mut TcpStream, head: &Head, headers: HeaderMap, error: HttpError) -> HttpError {
    let answered = async {
        let mut answer = response(headers)?;
        if !head.is_head() {
            answer.extend(sse::come_back_later());
        }
        Ok::<(), HttpError>(stream.write_all(&answer).await?)
    };
    answered.await.err().unwrap_or(error)
}

/// Tells a client why it is refused: permanently, unless the reason will pass. Returns what the log says.
async fn refuse(stream: &mut TcpStream, head: &Head, headers: HeaderMap, refusal: Refusal) -> HttpError {
    let (status, problem, error) = match refusal {
        Refusal::Request { status, problem } => (status, problem.clone(), HttpError::Request(problem)),
        Refusal::Origin { problem } => (StatusCode::FORBIDDEN, problem.clone(), HttpError::Origin(problem)),
        Refusal::Host { problem } => (StatusCode::MISDIRECTED_REQUEST, problem.clone(), HttpError::Host(problem)),
        Refusal::TooMany(too_many) => return postpone(stream, head, headers, HttpError::TooMany(too_many)).await,
        Refusal::NoAnswer => return postpone(stream, head, headers, HttpError::NoAnswer).await,
        Refusal::Denied(denial, counted) => {
            (StatusCode::from(denial), denial.to_string(), HttpError::Denied(denial, counted))
        }
    };
    let answered = async {
        let (mut answer, body) = answer::refusal(status, &problem, headers)?;
        if !head.is_head() {
            answer.extend_from_slice(body.as_bytes());
        }
        Ok::<(), HttpError>(stream.write_all(&answer).await?)
    };
    answered.await.err().unwrap_or(error)
}
