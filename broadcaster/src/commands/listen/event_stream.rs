//! A stream of server-sent events: its blocks as the messages that a WebSocket would have brought, and why it ends.

use anyhow::anyhow;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use queue::{printable, url_without_secrets};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::http::header::CONTENT_TYPE;

use super::advice::of_close_code;
use super::blocks::{Block, Parser, Part};
use super::ended::Ended;
use super::explained::refusal;
use super::http::{Failure, exchange, with_text};
use super::request::Request;
use super::told::{Received, Told};

/// The longest comment that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// An open stream.
pub(super) struct EventStream {
    body: Incoming,
    parser: Parser,
    /// The channels that were asked for. The stream does not name them: it is refused unless it has all of them.
    channels: Vec<String>,
    has_position: bool,
    has_welcomed: bool,
    /// The comment after the last block. Before the end it is code and reason.
    comment: Option<String>,
    /// Reads from the connection, and ends with this.
    _connection: JoinSet<()>,
}

impl EventStream {
    /// Connects with what is asked for.
    pub(super) async fn open(request: &Request) -> Result<EventStream, Ended> {
        let problem = || format!("cannot connect to {}", url_without_secrets(&request.url));
        let (get, url) = (request.stream()?, request.full_url()?);
        let mut connection = JoinSet::new();
        let answer = exchange(get, &url, request.client.trust, &mut connection).await;
        let answer = answer.map_err(|Failure { error, is_passing, explanation }| {
            let is_explained = explanation.is_some();
            let error = explanation.map_or_else(|| error.context(problem()), |text| anyhow!("{}: {text}", problem()));
            // With an explanation, it is about TLS.
            if is_passing && !is_explained { Ended::passing(error) } else { error.into() }
        })?;
        let kind = answer.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes()).unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        let is_stream = kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream");
        if answer.status() != StatusCode::OK || !is_stream {
            let status = answer.status().as_u16();
            let told = refusal(&with_text(answer).await, "event stream", &request.client);
            return Err(Ended::with_status(status, anyhow!("{}: {told}", problem())));
        }
        Ok(EventStream {
            body: answer.into_body(),
            parser: Parser::default(),
            channels: request.channels.clone(),
            has_position: request.position.is_some(),
            has_welcomed: false,
            comment: None,
            _connection: connection,
        })
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Received, Ended> {
        loop {
            match self.parser.next() {
                Some(Part::Block(block)) => return Ok(self.message(block)),
                Some(Part::Comment(comment)) => self.comment = Some(comment),
                None => match self.body.frame().await {
                    Some(Ok(frame)) => {
                        let bytes = frame.into_data().unwrap_or_default();
                        self.parser.feed(&bytes)?;
                    }
                    Some(Err(error)) => {
                        let error = anyhow::Error::new(error).context("the connection broke");
                        return Err(Ended::passing(error).with_pause(self.parser.retry()));
                    }
                    None => return Err(self.end()),
                },
            }
        }
    }

    /// The message that a block stands for.
    fn message(&mut self, Block { id, event, data }: Block) -> Received {
        self.comment = None;
        let has_welcomed = std::mem::replace(&mut self.has_welcomed, true);
        let Some(data) = data else {
            let told = if has_welcomed { Told::Other } else { self.welcome(true) };
            return Received { id, told: Some(told), text: String::new() };
        };
        let message = Received::parse(data);
        // For clients that need data in each block. A proxy can make one of us, by its User-Agent.
        if event == "fastapi:heartbeat" && message.told.is_some() {
            let told = if has_welcomed { Told::Other } else { self.welcome(true) };
            return Received { id, told: Some(told), text: String::new() };
        }
        // A producer can name an event so as well. That has an id in its data.
        if event == "gap" && message.id.is_none() {
            let told = if has_welcomed { Told::Gap } else { self.welcome(false) };
            return Received { id, told: Some(told), text: String::new() };
        }
        Received { id, told: None, text: message.text }
    }

    fn welcome(&self, is_recovered: bool) -> Told {
        Told::Welcome { channels: self.channels.clone(), recovered: self.has_position.then_some(is_recovered) }
    }

    /// Why the stream has ended.
    fn end(&self) -> Ended {
        let retry = self.parser.retry();
        if !self.has_welcomed && retry.is_some() {
            let error = anyhow!("the server has no room now, or it stops: try again later, or raise max_connections");
            return Ended::no_room(error).with_pause(retry);
        }
        let comment: String = self.comment.iter().flat_map(|comment| comment.chars()).take(MAX_SHOWN).collect();
        let code = comment.split(' ').next().and_then(|code| code.parse().ok());
        let advice = code.and_then(of_close_code).map(|advice| format!(": {advice}")).unwrap_or_default();
        let error = if comment.is_empty() {
            anyhow!("the connection has ended")
        } else {
            anyhow!("the server ended the stream: {}{advice}", printable(&comment))
        };
        // The comment is for people. What is final is answered so to the next request.
        Ended::passing(error).with_pause(retry)
    }
}
