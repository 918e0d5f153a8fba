//! Requests in a row on one php-fpm worker: none leaves anything to the next.

use hyper::StatusCode;

use crate::harness::{Fpm, Nginx, broadcaster, get, queue_dir};

const REQUESTS: usize = 20;

#[tokio::test]
async fn code_that_runs_after_the_end_of_a_request_leaves_no_values_to_the_next() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start_one_worker(&queue, "register_late.php").await;
    let nginx = Nginx::start(&broadcaster, &fpm).await;
    let mut answers = Vec::new();
    for _ in 0..REQUESTS {
        answers.push(get(nginx.address(), "/api").await);
    }
    // The same worker has answered all of them: it did not crash.
    let (status, text) = &answers[0];
    assert!(*status == StatusCode::OK && text.starts_with("the queue path is empty, "), "{status} {text}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[tokio::test]
async fn transactions_end_with_their_request_whatever_ends_it() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start(&queue).await;
    let fpm = Fpm::start_one_worker(&queue, "publish_in_requests.php").await;
    let nginx = Nginx::start(&broadcaster, &fpm).await;
    let mut workers = Vec::new();
    for end in ["commit", "open", "exit", "fatal"].into_iter().cycle().take(REQUESTS) {
        let (_, text) = get(nginx.address(), &format!("/api?end={end}")).await;
        let (worker, rest) = text.split_once(' ').expect("the process id is first");
        assert!(rest.starts_with("5 uids, 5 events\n"), "{end}: {text}");
        assert_eq!(text.contains("it is rolled back"), end != "commit", "{end}: {text}");
        assert_eq!(text.contains("Allowed memory size"), end == "fatal", "{end}: {text}");
        workers.push(worker.to_owned());
    }
    workers.dedup();
    assert_eq!(workers.len(), 1, "the worker has ended: {workers:?}");
}
