//! The WebSocket by which a browser is driven. DevTools and WebDriver BiDi write commands, their answers and events in
//! the same form.

use std::sync::Mutex;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use testkit::within;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// What an event of the browser says of an exception that nobody caught or the like: its page, and what it says.
pub(super) type FindProblem = fn(&Value) -> Option<(&str, String)>;

/// One for all pages of a browser.
pub(super) struct Connection {
    exchange: tokio::sync::Mutex<Exchange>,
    find_problem: FindProblem,
    /// By page.
    problems: Mutex<Vec<(String, String)>>,
}

struct Exchange {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u64,
}

impl Connection {
    pub(super) async fn open(url: &str, find_problem: FindProblem) -> Connection {
        let (socket, _) = within("the browser answers", tokio_tungstenite::connect_async(url))
            .await
            .expect("a WebSocket to the browser");
        let exchange = tokio::sync::Mutex::new(Exchange { socket, last_id: 0 });
        Connection { exchange, find_problem, problems: Mutex::new(Vec::new()) }
    }

    /// Gives a command with its parameters, and returns what the answer has.
    pub(super) async fn command(&self, method: &str, parameters: Value) -> Value {
        self.send(json!({ "method": method, "params": parameters })).await
    }

    /// The same with a command that has more than these.
    pub(super) async fn send(&self, mut command: Value) -> Value {
        let method = command["method"].as_str().expect("a method").to_owned();
        let exchange = async {
            let mut exchange = self.exchange.lock().await;
            exchange.last_id += 1;
            let id = exchange.last_id;
            command["id"] = json!(id);
            exchange.socket.send(Message::text(command.to_string())).await.unwrap();
            loop {
                let message =
                    exchange.socket.next().await.expect("the browser runs").expect("a message of the browser");
                let Message::Text(text) = message else { continue };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if let Some((page, problem)) = (self.find_problem)(&message) {
                    self.problems.lock().unwrap().push((page.to_owned(), problem));
                }
                if message["id"] == id {
                    assert!(message.get("error").is_none(), "{method}: {message}");
                    return message["result"].take();
                }
            }
        };
        within(&format!("the browser's answer to {method}"), exchange).await
    }

    /// The exceptions of a page that came until the last answer.
    pub(super) fn problems_of(&self, page: &str) -> Vec<String> {
        let problems = self.problems.lock().unwrap();
        problems.iter().filter(|(of, _)| of == page).map(|(_, problem)| problem.clone()).collect()
    }
}
