//! Chromium, by its DevTools protocol.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Process;

use super::connection::Connection;
use crate::harness::built;

/// Starts one, and returns its process and the connection by which it is driven.
pub(super) async fn start(profile: &TempDir, trusts_all: bool) -> (Process, Connection) {
    let mut command = Process::command(built::server_program("chromium"));
    command.arg(format!("--user-data-dir={}", profile.path().display())).env("HOME", profile.path()).args([
        "--headless",
        "--remote-debugging-port=0",
        // Its sandbox needs what containers and root do not have; the pages are ours.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
    ]);
    if trusts_all {
        command.arg("--ignore-certificate-errors");
    }
    let mut process = Process::spawn(command.arg("about:blank"));
    let devtools = |line: &str| line.strip_prefix("DevTools listening on ").map(str::to_owned);
    let devtools = process.line("it can be driven", devtools).await.expect("Chromium starts");
    (process, Connection::open(&devtools, problem).await)
}

fn problem(message: &Value) -> Option<(&str, String)> {
    let parameters = &message["params"];
    let is_problem = match message["method"].as_str() {
        Some("Runtime.exceptionThrown") => true,
        // What a policy refuses is no exception.
        Some("Log.entryAdded") => parameters["entry"]["source"] == "security",
        _ => false,
    };
    is_problem.then(|| (message["sessionId"].as_str().expect("a session"), parameters.to_string()))
}

/// An open page.
pub(super) struct Tab {
    connection: Arc<Connection>,
    session: String,
}

impl Tab {
    pub(super) async fn open(connection: Arc<Connection>, url: &str, size: (u32, u32)) -> Tab {
        let target = connection.command("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = connection.command("Target.attachToTarget", attach).await;
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let tab = Tab { connection, session };
        tab.command("Runtime.enable", json!({})).await;
        tab.command("Log.enable", json!({})).await;
        tab.resize(size).await;
        tab.command("Page.enable", json!({})).await;
        // Timers of a page that nobody sees are slow.
        tab.command("Page.bringToFront", json!({})).await;
        tab.command("Page.navigate", json!({ "url": url })).await;
        tab
    }

    pub(super) async fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", parameters).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    pub(super) async fn click_at(&self, x: &Value, y: &Value) {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }

    pub(super) async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("the key {other} is not known here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.command("Input.dispatchKeyEvent", event).await;
        }
    }

    pub(super) async fn type_text(&self, text: &str) {
        self.command("Input.insertText", json!({ "text": text })).await;
    }

    pub(super) async fn prefer(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    pub(super) async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// A picture of what is visible, in BASE64.
    pub(super) async fn picture(&self) -> Value {
        self.command("Page.captureScreenshot", json!({ "format": "png" })).await["data"].take()
    }

    pub(super) async fn accessible(&self) -> Vec<(String, String)> {
        let tree = self.command("Accessibility.getFullAXTree", json!({})).await;
        let value = |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        nodes.map(|node| (value(node, "role"), value(node, "name"))).collect()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.connection.problems_of(&self.session)
    }

    async fn command(&self, method: &str, parameters: Value) -> Value {
        self.connection.send(json!({ "method": method, "params": parameters, "sessionId": self.session })).await
    }
}
