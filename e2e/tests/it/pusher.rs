//! Clients of the Pusher protocol as others have written them: pusher-js and Pusher's library for Node. What they and
//! the broadcaster say to each other is compared with what they say to another server, see `e2e/pusher/README.md`.

use testkit::Process;

use crate::harness::{built, pusher, queue_dir};

/// Makes a test of each file of scenarios.
macro_rules! conform {
    ($($scenarios:ident),+ $(,)?) => { $(
        #[tokio::test]
        async fn $scenarios() {
            conforms(stringify!($scenarios)).await;
        }
    )+ };
}

conform!(channels, client_events, connecting, messages, presence, publishing, queries, refusals, users);

/// Runs these scenarios and compares.
async fn conforms(scenarios: &str) {
    let queue = queue_dir();
    let broadcaster = pusher::start(&queue).await;
    let mut command = Process::command(built::server_program("node"));
    command
        .arg(built::repository().join("e2e/pusher/check.js"))
        .args([&broadcaster.address().ip().to_string(), &broadcaster.address().port().to_string()])
        .args([pusher::APP_ID, pusher::APP_KEY, pusher::APP_SECRET, scenarios]);
    let mut check = Process::spawn(&mut command);
    let status = check.exit_in_its_time().await;
    assert!(status.success(), "{}\n{}", check.stdout().join("\n"), check.stderr().join("\n"));
}

/// All files of scenarios have a test.
#[test]
fn all_scenarios_are_run() {
    let folder = built::repository().join("e2e/pusher/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let run = "channels client_events connecting messages presence publishing queries refusals users";
    assert_eq!(files.join(" "), run);
}
