//! Requests to the HTTP API of the Pusher protocol, signed as Pusher's server libraries sign them.

use std::time::SystemTime;

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use ring::hmac;

/// A request, and what it is signed with.
#[derive(Debug, Clone)]
pub struct PusherRequest {
    method: String,
    /// From `/apps/` on.
    path: String,
    prefix: String,
    parameters: Vec<(String, String)>,
    body: String,
    headers: String,
    key: String,
    secret: String,
    timestamp: u64,
}

impl PusherRequest {
    /// The application of tests, as a setting.
    pub const APP: &str = "id=3 key=app-key secret=app-secret";

    /// A request for a path from `/apps/` on, signed now by [`APP`](Self::APP).
    pub fn new(method: &str, path: &str) -> PusherRequest {
        PusherRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            prefix: String::new(),
            parameters: Vec::new(),
            body: String::new(),
            headers: String::new(),
            key: "app-key".to_owned(),
            secret: "app-secret".to_owned(),
            timestamp: SystemTime::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs(),
        }
    }

    /// `GET` of a path.
    pub fn get(path: &str) -> PusherRequest {
        PusherRequest::new("GET", path)
    }

    /// `POST` of a body.
    pub fn post(path: &str, body: impl ToString) -> PusherRequest {
        PusherRequest { body: body.to_string(), ..PusherRequest::new("POST", path) }
    }

    /// With another parameter, which is signed.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> PusherRequest {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another line in its head.
    #[must_use]
    pub fn header(mut self, line: &str) -> PusherRequest {
        self.headers += &format!("{line}\r\n");
        self
    }

    /// With a prefix in front of the path, which is not signed.
    #[must_use]
    pub fn below(self, prefix: &str) -> PusherRequest {
        PusherRequest { prefix: prefix.to_owned(), ..self }
    }

    /// Signed by another key and secret.
    #[must_use]
    pub fn signed_by(self, key: &str, secret: &str) -> PusherRequest {
        PusherRequest { key: key.to_owned(), secret: secret.to_owned(), ..self }
    }

    /// Signed so many seconds later, or earlier.
    #[must_use]
    pub fn later(self, seconds: i64) -> PusherRequest {
        PusherRequest { timestamp: self.timestamp.saturating_add_signed(seconds), ..self }
    }

    /// The target in the first line.
    pub fn target(&self) -> String {
        let mut parameters = self.parameters.clone();
        parameters.push(("auth_key".to_owned(), self.key.clone()));
        parameters.push(("auth_timestamp".to_owned(), self.timestamp.to_string()));
        parameters.push(("auth_version".to_owned(), "1.0".to_owned()));
        if !self.body.is_empty() {
            parameters.push(("body_md5".to_owned(), HEXLOWER.encode(&Md5::digest(&self.body))));
        }
        parameters.sort();
        let query = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let text = format!("{}\n{}\n{query}", self.method, self.path);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let signature = HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref());
        format!("{}{}?{query}&auth_signature={signature}", self.prefix, self.path)
    }

    /// All of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length =
            if self.body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", self.body.len()) };
        let (method, target, headers, body) = (&self.method, self.target(), &self.headers, &self.body);
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{length}{headers}\r\n{body}").into_bytes()
    }
}
