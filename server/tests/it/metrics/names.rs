//! The names that are shown are those that are documented, and Prometheus takes the text.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::skipped;

use crate::util::TestServer;

const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// What of a metric is shown and documented.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Described {
    kind: String,
    labels: Vec<String>,
}

/// What the text says of each metric, from its lines of type and its values.
fn shown(text: &str) -> BTreeMap<String, Described> {
    let mut shown = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            shown.insert(name.to_owned(), Described { kind: kind.to_owned(), labels: Vec::new() });
        }
        if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let (labels, _) = rest.rsplit_once('}').unwrap();
            let labels = labels.split(',').map(|label| label.split_once('=').unwrap().0.to_owned());
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            shown.get_mut(name).unwrap().labels = labels.filter(|label| label != "le").collect();
        }
    }
    shown
}

/// The same from the tables of the page: name, type, labels, meaning.
fn documented() -> BTreeMap<String, Described> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `fastapi_ws_") || line.starts_with("| `process_"));
    let rows = rows.map(|row| &row["| `".len()..]).map(|row| row.split('|').map(str::trim));
    let rows = rows.map(|mut cells| {
        let (name, kind, labels) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let labels =
            labels.split(", ").filter(|label| !label.is_empty()).map(|label| label.trim_matches('`').to_owned());
        assert!(cells.next().is_some_and(|meaning| !meaning.is_empty()), "{name}");
        (name.trim_end_matches('`').to_owned(), Described { kind: kind.to_owned(), labels: labels.collect() })
    });
    let all: Vec<_> = rows.collect();
    let count = all.len();
    let documented: BTreeMap<_, _> = all.into_iter().collect();
    assert_eq!(documented.len(), count, "no name twice");
    documented
}

#[tokio::test]
async fn the_page_describes_each_metric_and_no_other() {
    let server = TestServer::start();
    server.observer.counters().api_request("/publish", 200);
    let shown = shown(&server.observer.metrics());
    assert_eq!(shown, documented());
    assert!(shown.keys().all(|name| name.starts_with("fastapi_ws_") || name.starts_with("process_")));
}

#[tokio::test]
async fn labels_never_have_what_clients_have_chosen() {
    let server = TestServer::start();
    let _client = server.native("?channel=secret-name").await;
    server.publish(&["secret-name"], 1);
    assert!(!server.observer.metrics().contains("secret-name"));
}

#[tokio::test]
async fn promtool_has_no_objection() {
    let Some(mut promtool) = promtool() else { return };
    let server = TestServer::start();
    let mut checking = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    checking = checking.stderr(Stdio::piped());
    let mut checking = checking.spawn().unwrap();
    let text = server.observer.metrics();
    checking.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = checking.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// The tool that checks metrics. Where it is missing, the test is skipped, but not in CI.
fn promtool() -> Option<Command> {
    let find = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup/find");
    let found = Command::new(find).arg("promtool").output().expect("setup/find runs");
    if found.status.success() {
        return Some(Command::new(String::from_utf8(found.stdout).unwrap().trim_end()));
    }
    assert!(std::env::var_os("CI").is_none(), "promtool is missing: install it, or run `make setup`, which does");
    skipped("promtool is not installed; `make setup` does it");
    None
}
