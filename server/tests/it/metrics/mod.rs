//! Every metric moves when what it counts happens: real clients, queues and Redis.

mod broker;
mod clients;
mod names;
mod queue;
mod rights;
mod status;

use std::time::Duration;

use testkit::eventually;

use crate::util::TestServer;

/// The value of a metric, by its name without our prefix and with its labels. `None`: it is not there.
pub(crate) fn metric(server: &TestServer, name: &str) -> Option<f64> {
    value_of(&server.observer.metrics(), &format!("fastapi_ws_{name}"))
}

fn value_of(text: &str, name: &str) -> Option<f64> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.find(|(found, _)| *found == name).map(|(_, value)| value.parse().unwrap())
}

/// Waits until a metric has a value.
pub(crate) async fn becomes(server: &TestServer, name: &str, expected: f64) {
    let mut last = None;
    let is_there = || {
        last = metric(server, name);
        last == Some(expected)
    };
    eventually(&format!("{name} is {expected}"), is_there).await;
}

/// Waits until a metric is more than a value.
pub(crate) async fn exceeds(server: &TestServer, name: &str, bound: f64) {
    eventually(&format!("{name} exceeds {bound}"), || metric(server, name).is_some_and(|value| value > bound)).await;
}

#[tokio::test]
async fn parts_that_decide_elsewhere_note_what_they_do() {
    let server = TestServer::start();
    let counters = server.observer.counters();
    counters.hook_answered(Duration::from_millis(30));
    counters.hook_answered(Duration::from_secs(9));
    assert_eq!(metric(&server, "auth_hook_duration_seconds_bucket{le=\"0.025\"}"), Some(0.0));
    assert_eq!(metric(&server, "auth_hook_duration_seconds_bucket{le=\"0.05\"}"), Some(1.0));
    assert_eq!(metric(&server, "auth_hook_duration_seconds_bucket{le=\"+Inf\"}"), Some(2.0));
    assert_eq!(metric(&server, "auth_hook_duration_seconds_count"), Some(2.0));
    assert_eq!(metric(&server, "auth_hook_duration_seconds_sum"), Some(9.03));
    counters.api_request("/publish", 200);
    counters.api_request("/publish", 200);
    counters.api_request("/publish", 401);
    assert_eq!(metric(&server, "api_requests_total{endpoint=\"/publish\",status=\"200\"}"), Some(2.0));
    assert_eq!(metric(&server, "api_requests_total{endpoint=\"/publish\",status=\"401\"}"), Some(1.0));
    counters.config_reloaded(true);
    assert_eq!(metric(&server, "config_reloads_total{result=\"applied\"}"), Some(1.0));
    assert_eq!(metric(&server, "config_reloads_total{result=\"failed\"}"), Some(0.0));
    counters.config_reloaded(false);
    assert_eq!(metric(&server, "config_reloads_total{result=\"failed\"}"), Some(1.0));
}

#[tokio::test]
async fn the_process_is_shown_as_every_prometheus_client_shows_it() {
    let server = TestServer::start();
    let value = |name: &str| value_of(&server.observer.metrics(), name).unwrap();
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_max_fds") >= value("process_open_fds") && value("process_open_fds") > 3.0);
    let (now, start) = (std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap(), value("process_start_time_seconds"));
    assert!((0.0..3_600.0).contains(&(now.as_secs_f64() - start)), "{start}");
    let before = value("process_open_fds");
    // Other tests of this process close some meanwhile.
    let mut files = Vec::new();
    let opened = || {
        files.extend((0..10).map(|_| std::fs::File::open("/dev/null").unwrap()));
        value("process_open_fds") > before
    };
    eventually("files are open", opened).await;
    let used = value("process_cpu_seconds_total");
    eventually("time passes", || value("process_cpu_seconds_total") > used).await;
}
