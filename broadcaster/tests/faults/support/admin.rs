//! The admin listener of a broadcaster, and requests to it.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use testkit::Broadcaster;

use super::{BINARY, arguments, command, exchange};

pub(crate) const TOKEN: &str = "a-token-of-these-tests";

/// An admin listener.
#[derive(Clone, Copy)]
pub(crate) struct Admin(pub(crate) SocketAddr);

/// An answer: status, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Admin {
    /// Starts a broadcaster with an admin listener that knows [`TOKEN`].
    pub(crate) fn start(queue: &Path, flags: &[&str]) -> (Broadcaster, Admin) {
        Admin::start_with(queue, "127.0.0.1:0", Some(TOKEN), flags)
    }

    pub(crate) fn start_with(queue: &Path, address: &str, token: Option<&str>, flags: &[&str]) -> (Broadcaster, Admin) {
        let mut command = command(BINARY);
        for usual in arguments(queue).chunks(2).filter(|usual| !flags.contains(&usual[0].as_str())) {
            command.args(usual);
        }
        command.args(["--admin-listen", address]).args(flags);
        command.envs(token.map(|token| ("FASTAPI_WS_ADMIN_TOKEN", token)));
        let mut broadcaster = Broadcaster::spawn(command).listening();
        let admin = Admin::of(&mut broadcaster);
        (broadcaster, admin)
    }

    /// The one that a broadcaster says it has.
    pub(crate) fn of(broadcaster: &mut Broadcaster) -> Admin {
        let address = |line: &str| line.split_once("admin listener address=")?.1.parse::<SocketAddr>().ok();
        let mut address: SocketAddr = broadcaster.await_line("the admin listener", address);
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        Admin(address)
    }

    /// Sends bytes, and reads the answer.
    pub(crate) fn send(self, request: &[u8]) -> Answer {
        Answer::parse(&exchange(self.0, request))
    }

    pub(crate) fn request(self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {}\r\n", self.0);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        self.send(format!("{request}\r\n{body}").as_bytes())
    }

    pub(crate) fn get(self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    /// An action with [`TOKEN`].
    pub(crate) fn post(self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[("Authorization", &format!("Bearer {TOKEN}"))], &body.to_string())
    }
}

impl Answer {
    fn parse(answer: &[u8]) -> Answer {
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {answer:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The sentence of a refusal.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no sentence in {self:?}")).to_owned()
    }
}
