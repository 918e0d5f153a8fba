//! A headless Chromium, driven by its own DevTools protocol over the WebSocket that it opens for that.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{INTERVAL, Process, temporary_directory, within};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::built;

pub(crate) struct Browser {
    devtools: String,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with a profile of its own, which connects only to the pages.
    pub(crate) async fn start() -> Browser {
        Self::start_with(&[]).await
    }

    /// Starts one that accepts any certificate.
    pub(crate) async fn trusting_all() -> Browser {
        Self::start_with(&["--ignore-certificate-errors"]).await
    }

    async fn start_with(args: &[&str]) -> Browser {
        let profile = temporary_directory();
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
        command.args(args).arg("about:blank");
        let mut process = Process::spawn(&mut command);
        let devtools = |line: &str| line.strip_prefix("DevTools listening on ").map(str::to_owned);
        let devtools = process.line("it can be driven", devtools).await.expect("Chromium starts");
        Browser { devtools, _process: process, _profile: profile }
    }

    /// Opens a page of the size given and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str, (width, height): (u32, u32)) -> Page {
        let (socket, _) = within("the browser answers", tokio_tungstenite::connect_async(&self.devtools))
            .await
            .expect("a WebSocket to the browser");
        let mut page = Page { socket, session: None, last_id: 0, problems: Vec::new() };
        let target = page.command("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        page.session = Some(page.command("Target.attachToTarget", attach).await["sessionId"].clone());
        page.command("Runtime.enable", json!({})).await;
        page.resize((width, height)).await;
        page.command("Page.enable", json!({})).await;
        // Timers of a page that nobody sees are slow.
        page.command("Page.bringToFront", json!({})).await;
        page.command("Page.navigate", json!({ "url": url })).await;
        page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'").await;
        page
    }
}

/// An open page.
pub(crate) struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<Value>,
    last_id: u64,
    /// Exceptions that nobody caught.
    problems: Vec<String>,
}

impl Page {
    /// The value of a JavaScript expression; of a promise, what it resolves to.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", parameters).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait_for(&mut self, expression: &str) {
        let look = async {
            while self.evaluate(&format!("Boolean({expression})")).await != true {
                tokio::time::sleep(INTERVAL).await;
            }
        };
        within(&format!("in the page: {expression}"), look).await;
    }

    /// The text of an element as users see it.
    pub(crate) async fn text(&mut self, selector: &str) -> String {
        let text = self.evaluate(&format!("document.querySelector({selector:?}).innerText")).await;
        text.as_str().expect("a text").to_owned()
    }

    /// Clicks with the mouse in the middle of an element.
    pub(crate) async fn click(&mut self, selector: &str) {
        let place = self
            .evaluate(&format!(
                "(() => {{ const element = document.querySelector({selector:?}); element.scrollIntoView({{ block: 'center' }});
                   const box = element.getBoundingClientRect();
                   return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }}; }})()"
            ))
            .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Presses a key: `Tab` or `Enter`.
    pub(crate) async fn press(&mut self, key: &str) {
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

    /// Types a text where the focus is.
    pub(crate) async fn type_text(&mut self, text: &str) {
        self.command("Input.insertText", json!({ "text": text })).await;
    }

    /// Prefers light or dark, as the system's setting would.
    pub(crate) async fn prefer(&mut self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    pub(crate) async fn resize(&mut self, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Takes a picture of what is visible.
    pub(crate) async fn picture(&mut self, path: &Path) {
        let picture = self.command("Page.captureScreenshot", json!({ "format": "png" })).await;
        let bytes = BASE64.decode(picture["data"].as_str().unwrap().as_bytes()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What a screen reader gets: role and name of everything that it does not skip.
    pub(crate) async fn accessible(&mut self) -> Vec<(String, String)> {
        let tree = self.command("Accessibility.getFullAXTree", json!({})).await;
        let value = |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        nodes.map(|node| (value(node, "role"), value(node, "name"))).collect()
    }

    /// Exceptions that no code of the page caught.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    async fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = session.clone();
        }
        let exchange = async {
            self.socket.send(Message::text(command.to_string())).await.unwrap();
            loop {
                let message = self.socket.next().await.expect("the browser runs").expect("a message of the browser");
                let Message::Text(text) = message else { continue };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if message["method"] == "Runtime.exceptionThrown" {
                    self.problems.push(message["params"].to_string());
                }
                if message["id"] == id {
                    assert!(message.get("error").is_none(), "{method}: {message}");
                    return message["result"].take();
                }
            }
        };
        within(&format!("the browser's answer to {method}"), exchange).await
    }
}
