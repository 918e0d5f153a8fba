//! Who is logged in to a PHP script: requests with the cookie of a PHP session.

use std::net::SocketAddr;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::exchange;

pub(crate) struct Session {
    server: SocketAddr,
    /// The folder of the script's page.
    base: String,
    cookie: Option<String>,
}

impl Session {
    /// A browser that has no session yet.
    pub(crate) fn new(server: SocketAddr, base: &str) -> Session {
        Session { server, base: base.to_owned(), cookie: None }
    }

    /// A browser in which a user is logged in.
    pub(crate) async fn log_in(server: SocketAddr, base: &str, user: &str) -> Session {
        let mut session = Session::new(server, base);
        let (status, answer) = session.post("login", json!({ "user": user })).await;
        assert_eq!((status, &answer["user"]), (StatusCode::OK, &json!(user)), "{answer}");
        assert!(session.cookie.is_some(), "a session has begun");
        session
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::POST, path, &body.to_string()).await
    }

    /// The same where nothing may go wrong.
    pub(crate) async fn posted(&mut self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert!(status.is_success() && answer["queued"] != false, "{path}: {status} {answer}");
        answer
    }

    /// The token of the user.
    pub(crate) async fn token(&mut self) -> String {
        let (status, answer) = self.get("token").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["token"].as_str().expect("a token").to_owned()
    }

    async fn request(&mut self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let path = format!("{}api/{path}", self.base);
        let cookie = self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str()));
        let answer = exchange(self.server, method, &path, cookie, body).await;
        if let Some(set) = answer.headers.get("set-cookie") {
            let set = set.to_str().expect("a text");
            assert!(set.contains("HttpOnly") && set.contains(&format!("path={}", self.base)), "{set}");
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        let parsed = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error} in {}", answer.body));
        (answer.status, parsed)
    }
}
