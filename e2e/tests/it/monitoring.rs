//! What `packaging` has for those who watch broadcasters: alert rules of Prometheus and a dashboard of Grafana. What they
//! ask for exists, and the rules fire when they should.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use testkit::{Process, temporary_directory};

use crate::harness::built;

/// A file of alert rules.
#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[tokio::test]
async fn the_alert_rules_fire_when_they_should_and_only_then() {
    promtool(&["check", "rules", &prometheus("fastapi-broadcaster.rules.yml")]).await;
    promtool(&["test", "rules", &prometheus("tests.yml")]).await;
}

#[tokio::test]
async fn the_configuration_of_prometheus_is_valid_and_has_the_rules() {
    let said = promtool(&["check", "config", &prometheus("prometheus.yml")]).await;
    assert!(said.iter().any(|line| line.contains("1 rule files found")), "{said:?}");
}

#[test]
fn each_alert_says_what_is_wrong_and_what_to_do_and_has_a_test() {
    let tests = fs::read_to_string(prometheus("tests.yml")).unwrap();
    for Rule { alert, labels, annotations, .. } in rules() {
        let given: Vec<&str> = annotations.keys().map(String::as_str).collect();
        assert_eq!(given, ["action", "description", "summary"], "{alert}");
        assert!(annotations["summary"].starts_with("{{ $labels.instance }}: "), "{alert}: which broadcaster?");
        assert!(["critical", "warning"].contains(&labels["severity"].as_str()), "{alert}");
        assert!(tests.contains(&format!("{alert}\"")) || tests.contains(&format!("alertname: {alert}\n")), "{alert}");
    }
}

#[tokio::test]
async fn every_query_of_the_dashboard_is_valid() {
    let queries = queries_of_the_dashboard();
    assert!(queries.len() > 30, "{queries:?}");
    // Of what Grafana fills in.
    let filled = queries.iter().map(|query| query.replace("$__rate_interval", "5m").replace("$instance", ".*"));
    let rules: Vec<Value> = filled
        .enumerate()
        .map(|(number, query)| serde_json::json!({ "record": format!("query:{number}"), "expr": query }))
        .collect();
    let directory = temporary_directory();
    let file = directory.path().join("queries.yml");
    // JSON is YAML.
    fs::write(&file, serde_json::json!({ "groups": [{ "name": "queries", "rules": rules }] }).to_string()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]).await;
}

#[test]
fn each_panel_of_the_dashboard_has_its_own_place_and_says_what_it_shows() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(panel["type"] == "row" || !panel["description"].as_str().unwrap().is_empty(), "{panel}");
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + width <= 24, "{panel}");
        for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(place), "two panels at {place:?}: {panel}");
        }
    }
}

#[test]
fn every_metric_that_rules_and_dashboard_name_is_documented() {
    let page = fs::read_to_string(built::repository().join("docs/metrics.md")).unwrap();
    let documented = metrics_in(&page);
    for query in rules().into_iter().map(|rule| rule.expr).chain(queries_of_the_dashboard()) {
        for metric in metrics_in(&query) {
            // A histogram is documented by its own name.
            let name = metric.strip_suffix("_bucket").unwrap_or(&metric);
            assert!(documented.contains(name), "docs/metrics.md does not have {name} of {query}");
        }
    }
}

/// Words of a text that are names of our metrics, or of the process.
fn metrics_in(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("fastapi_ws_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(prometheus("fastapi-broadcaster.rules.yml")).unwrap();
    let Rules { groups } = serde_saphyr::from_str(&text).unwrap();
    groups.into_iter().flat_map(|group| group.rules).collect()
}

fn dashboard() -> Value {
    let file = built::repository().join("packaging/grafana/fastapi-broadcaster.json");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn queries_of_the_dashboard() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    targets.chain(annotations).map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn prometheus(file: &str) -> String {
    let path: PathBuf = built::repository().join("packaging/prometheus").join(file);
    path.to_str().unwrap().to_owned()
}

/// Runs it, and returns what it says. It fails the test if it finds a mistake.
async fn promtool(args: &[&str]) -> Vec<String> {
    let mut process = Process::spawn(Process::command(built::server_program("promtool")).args(args));
    let status = process.exit().await;
    assert!(status.success(), "{args:?}: {:#?}\n{:#?}", process.stdout(), process.stderr());
    process.stdout()
}
