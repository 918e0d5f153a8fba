//! Firefox, by WebDriver BiDi, which it has built in.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Process;

use super::connection::Connection;
use crate::harness::built;

/// What a profile begins with. Firefox itself connects to nothing but the pages while it is driven.
const PREFERENCES: &str = r#"
// JSON is shown as it is, in a document that scripts can use.
user_pref("devtools.jsonview.enabled", false);
user_pref("ui.prefersReducedMotion", 1);
user_pref("network.proxy.type", 0);
// No processes for pages that may be opened later.
user_pref("dom.ipc.processPrelaunch.enabled", false);
user_pref("accessibility.force_disabled", 1);
"#;

/// Reports exceptions that nobody caught, and what a policy has refused. The log of the browser has them too, among others that are no mistakes.
const REPORT: &str = "(report) => {
    addEventListener('error', ({ message }) => report(message));
    addEventListener('unhandledrejection', ({ reason }) => report(String(reason)));
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        // Of a page that names no icon the browser asks by itself.
        if (!blockedURI.endsWith('/favicon.ico')) report(`${violatedDirective} refuses ${blockedURI}`);
    });
}";

/// Starts one, and returns its process and the connection by which it is driven.
pub(super) async fn start(profile: &TempDir, trusts_all: bool) -> (Process, Connection) {
    fs::write(profile.path().join("user.js"), PREFERENCES).unwrap();
    let mut command = Process::command(built::server_program("firefox"));
    command.args(["--headless", "--no-remote", "--remote-debugging-port", "0", "--remote-allow-system-access"]);
    command.arg("--profile").arg(profile.path()).arg("about:blank");
    command.env("HOME", profile.path()).env("MOZ_CRASHREPORTER_DISABLE", "1");
    let mut process = Process::spawn(&mut command);
    let address = |line: &str| line.strip_prefix("WebDriver BiDi listening on ").map(str::to_owned);
    let address = process.line("it can be driven", address).await.expect("Firefox starts");
    let connection = Connection::open(&format!("{address}/session"), exception).await;
    let capabilities = json!({ "alwaysMatch": { "acceptInsecureCerts": trusts_all } });
    connection.command("session.new", json!({ "capabilities": capabilities })).await;
    connection.command("session.subscribe", json!({ "events": ["script.message"] })).await;
    let channel = json!({ "type": "channel", "value": { "channel": "exception" } });
    let report = json!({ "functionDeclaration": REPORT, "arguments": [channel] });
    connection.command("script.addPreloadScript", report).await;
    (process, connection)
}

fn exception(message: &Value) -> Option<(&str, String)> {
    let (said, is_message) = (&message["params"], message["method"] == "script.message");
    is_message.then(|| (said["source"]["context"].as_str().expect("a context"), said["data"].to_string()))
}

/// An open page.
pub(super) struct Tab {
    connection: Arc<Connection>,
    context: String,
}

impl Tab {
    pub(super) async fn open(connection: Arc<Connection>, url: &str, size: (u32, u32)) -> Tab {
        let created = connection.command("browsingContext.create", json!({ "type": "tab" })).await;
        let context = created["context"].as_str().expect("a context").to_owned();
        let tab = Tab { connection, context };
        tab.resize(size).await;
        tab.command("browsingContext.navigate", json!({ "url": url, "wait": "complete" })).await;
        tab
    }

    pub(super) async fn evaluate(&self, expression: &str) -> Value {
        self.evaluate_in(&self.context, expression).await
    }

    async fn evaluate_in(&self, context: &str, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "target": { "context": context } });
        let answer = self.connection.command("script.evaluate", parameters).await;
        assert_eq!(answer["type"], "success", "{expression}: {answer}");
        value_of(&answer["result"])
    }

    pub(super) async fn click_at(&self, x: &Value, y: &Value) {
        let actions = json!([
            { "type": "pointerMove", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        self.act(json!({ "type": "pointer", "id": "mouse", "actions": actions })).await;
    }

    pub(super) async fn press(&self, key: &str) {
        // Keys without a character have one for WebDriver.
        let value = match key {
            "Tab" => "\u{e004}",
            "Enter" => "\u{e006}",
            other => panic!("the key {other} is not known here"),
        };
        self.type_text(value).await;
    }

    pub(super) async fn type_text(&self, text: &str) {
        let key = |character: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": character }));
        let actions: Vec<Value> = text.chars().flat_map(key).collect();
        self.act(json!({ "type": "key", "id": "keyboard", "actions": actions })).await;
    }

    async fn act(&self, source: Value) {
        self.command("input.performActions", json!({ "actions": [source] })).await;
    }

    /// The protocol has no command for it, so the browser's own setting is changed, by its own code.
    pub(super) async fn prefer(&self, scheme: &str) {
        let own = self.connection.command("browsingContext.getTree", json!({ "moz:scope": "chrome" })).await;
        let own = own["contexts"][0]["context"].as_str().expect("a window");
        let number = u8::from(scheme == "light");
        let set = format!("Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', {number})");
        self.evaluate_in(own, &set).await;
    }

    pub(super) async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({ "viewport": { "width": width, "height": height }, "devicePixelRatio": 1 });
        self.command("browsingContext.setViewport", size).await;
    }

    /// A picture of what is visible, in BASE64.
    pub(super) async fn picture(&self) -> Value {
        self.command("browsingContext.captureScreenshot", json!({})).await["data"].take()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.connection.problems_of(&self.context)
    }

    async fn command(&self, method: &str, mut parameters: Value) -> Value {
        parameters["context"] = json!(self.context);
        self.connection.command(method, parameters).await
    }
}

/// A value in the protocol's form, as JSON. What JSON does not have becomes null.
fn value_of(remote: &Value) -> Value {
    let value = &remote["value"];
    let items = || value.as_array().unwrap_or_else(|| panic!("a value that is whole: {remote}")).iter();
    match remote["type"].as_str().expect("a type") {
        "string" | "boolean" => value.clone(),
        // NaN and the like are texts.
        "number" if value.is_number() => value.clone(),
        "array" => items().map(value_of).collect(),
        "object" => items().map(|pair| (pair[0].as_str().expect("a name").to_owned(), value_of(&pair[1]))).collect(),
        _ => Value::Null,
    }
}
