//! The page about `/status.json` describes what is answered, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::redis::RedisServer;
use testkit::{QueueDir, until};

use crate::support::admin::Admin;

const PAGE: &str = include_str!("../../../../docs/metrics.md");
/// Objects whose keys are values of a label.
const BY_LABEL: [&str; 2] = ["connections", "connections_refused"];
/// Objects that are `null` where there is no such part.
const OPTIONAL: [&str; 4] = ["queue", "history", "broker", "hook"];

/// All keys of an answer, as the page writes them.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(_) if BY_LABEL.contains(&path) => drop(found.insert(format!("{path}.*"))),
        Value::Object(object) => {
            if OPTIONAL.contains(&path) {
                found.insert(path.to_owned());
            }
            let dot = if path.is_empty() { "" } else { "." };
            object.iter().for_each(|(key, value)| keys(value, &format!("{path}{dot}{key}"), found));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| keys(item, &format!("{path}[]"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// The first cells of the table.
fn documented() -> BTreeSet<String> {
    let (_, section) = PAGE.split_once("## The status in JSON").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells: Vec<Vec<&str>> = rows.map(|row| row.trim_end_matches(" |").split(" | ").collect()).collect();
    assert!(cells.iter().all(|cells| cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty())), "{cells:?}");
    let keys: BTreeSet<String> = cells.iter().map(|cells| cells[0].trim_end_matches('`').to_owned()).collect();
    assert_eq!(keys.len(), cells.len(), "no key twice");
    keys
}

#[test]
fn the_page_describes_each_key_of_the_status_and_no_other() {
    let queue = QueueDir::new();
    let mut redis = RedisServer::start();
    let url = redis.url();
    let hook = ["--auth-hook", "http://127.0.0.1:9/", "--public-channels", "*"];
    let (mut broadcaster, admin) = Admin::start(&queue.path(), &[&["--broker-url", &url][..], &hook].concat());
    redis.kill();
    let has = |status: &Value, list: &str| status[list].as_array().is_some_and(|items| !items.is_empty());
    let status = until("it has a problem and an error", || {
        Some(admin.get("/status.json").json()).filter(|status| has(status, "problems") && has(status, "errors"))
    });
    let mut answered = BTreeSet::new();
    keys(&status, "", &mut answered);
    assert_eq!(answered, documented(), "{status}");
    broadcaster.stop();
}
