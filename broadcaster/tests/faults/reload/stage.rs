//! A broadcaster with a configuration file that changes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::process::Signal;
use testkit::{Broadcaster, HANDSHAKE, QueueDir, until};

use crate::support::{BINARY, command, connect, read_head};

const READ: &str = "settings and keys were read again";
const REFUSED: &str = "the settings stay as they are";

/// A broadcaster with a configuration file that changes.
pub(super) struct Stage {
    pub(super) queue: QueueDir,
    broadcaster: Option<Broadcaster>,
    settings: BTreeMap<String, String>,
}

impl Stage {
    /// One that is not started yet. Each setting stands in its file.
    pub(super) fn new() -> Stage {
        let queue = QueueDir::new();
        let mut stage = Stage { queue, broadcaster: None, settings: BTreeMap::new() };
        let path = format!("{:?}", stage.queue.path());
        stage.set("queue", &path);
        stage.set("listen", "'127.0.0.1:0'");
        stage.set("scan_interval_secs", "0.02");
        stage.set("shutdown_grace_secs", "0.5");
        stage
    }

    /// Sets a key for the start, or for the next reload.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// What a key is set to.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        self.settings.get(key).cloned()
    }

    /// Takes a key out of the file.
    pub(super) fn unset(&mut self, key: &str) {
        self.settings.remove(key);
    }

    /// Starts it with these keys beside the usual ones.
    pub(super) fn start(&mut self, settings: &[(&str, &str)]) {
        settings.iter().for_each(|(key, value)| self.set(key, value));
        self.write();
        let mut command = command(BINARY);
        command.arg("--config").arg(self.file());
        self.broadcaster = Some(Broadcaster::spawn(command).listening());
    }

    /// Changes these keys while it runs. Returns what it says of that.
    pub(super) fn reload(&mut self, settings: &[(&str, &str)]) -> String {
        settings.iter().for_each(|(key, value)| self.set(key, value));
        self.hang_up(READ)
    }

    /// The same for a file that has a mistake. Returns what it says of that.
    pub(super) fn refuses(&mut self) -> String {
        self.hang_up(REFUSED)
    }

    /// The line of the file that sets a key.
    pub(super) fn line_of(&self, key: &str) -> usize {
        self.settings.keys().position(|other| other == key).unwrap() + 1
    }

    /// The same without a file.
    pub(super) fn refuses_without_file(&mut self) -> String {
        fs::remove_file(self.file()).unwrap();
        self.signal(REFUSED)
    }

    fn hang_up(&mut self, outcome: &str) -> String {
        self.write();
        self.signal(outcome)
    }

    fn signal(&mut self, outcome: &str) -> String {
        let broadcaster = self.broadcaster();
        let before = broadcaster.log_lines(outcome).len();
        broadcaster.signal(Signal::HUP);
        until(outcome, || {
            let lines = broadcaster.log_lines(outcome);
            (lines.len() > before).then(|| lines.last().unwrap().clone())
        })
    }

    /// At once: the broadcaster must not find half of it.
    fn write(&self) {
        let text: String = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let new = self.queue.root().join("new.toml");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.queue.root().join("broadcaster.toml")
    }

    pub(super) fn broadcaster(&mut self) -> &mut Broadcaster {
        self.broadcaster.as_mut().unwrap()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.broadcaster.as_ref().unwrap().address()
    }

    /// The status that a handshake is answered with, with further lines in its head.
    pub(super) fn status(&self, target: &str, lines: &str) -> u16 {
        let request = HANDSHAKE.replacen("GET / ", &format!("GET {target} "), 1);
        self.status_of(&request.replacen("Upgrade: websocket\r\n", &format!("Upgrade: websocket\r\n{lines}"), 1))
    }

    /// The status of the answer to a request.
    pub(super) fn status_of(&self, request: &str) -> u16 {
        let mut stream = connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream);
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"))
    }
}
