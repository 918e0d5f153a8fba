//! What is no event is put aside with the reason, and stops nothing.

use std::os::unix::fs::symlink;

use testkit::eventually;

use crate::harness::{Collector, Php, broadcaster, queue_dir};

#[tokio::test]
async fn invalid_entries_end_in_failed_with_their_reason_and_do_not_stop_the_rest() {
    let queue = queue_dir();
    // Names of the pure-PHP class, older than any event that follows.
    let garbage: [(&str, &[u8]); 7] = [
        ("1.1_a.json", b""),
        ("1.2_b.json", b"not JSON at all"),
        ("1.3_c.json", br#"{"event":"cut off","payload":{"id""#),
        ("1.4_d.json", br#"{"payload":"without a name","timestamp":1}"#),
        ("1.5_e.json", br#"["event","payload"]"#),
        ("1.6_f.json", b"{\"event\":\"bad UTF-8\",\"payload\":\"\xff\xfe\"}"),
        ("1.7_g.json", &[b' '; 5000]),
    ];
    for (name, content) in garbage {
        queue.write(name, content);
    }
    let secret = queue.path().with_file_name("secret");
    std::fs::write(&secret, r#"{"event":"secret","payload":null}"#).unwrap();
    symlink(&secret, queue.path().join("1.8_h.json")).unwrap();
    std::fs::create_dir(queue.path().join("1.9_i.json")).unwrap();

    let broadcaster =
        broadcaster::start_with(&queue, &["--entry-grace-secs", "0.2", "--max-event-bytes", "4000"]).await;
    let mut client = Collector::of(&broadcaster).await;
    Php::run("queue_backlog.php", &queue, ["50"]).await;
    let payloads: Vec<String> = client.messages(50).await.into_iter().map(|message| message.payload).collect();

    assert_eq!(payloads, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    queue.is_drained().await;
    let failed = queue.path().join("failed");
    for (name, content) in garbage {
        assert_eq!(std::fs::read(failed.join(name)).unwrap(), content, "{name}");
    }
    for name in garbage.iter().map(|(name, _)| *name).chain(["1.8_h.json", "1.9_i.json"]) {
        let reason = std::fs::read_to_string(failed.join(format!("{name}.reason"))).unwrap();
        assert!(
            reason.ends_with('\n') && reason.trim().len() > 10 && reason.lines().count() == 1,
            "{name}: {reason:?}"
        );
    }
    assert_eq!(queue.failed().len(), 2 * 9);
    assert!(secret.exists());
}

#[tokio::test]
async fn a_failed_entry_that_was_corrected_and_moved_back_is_delivered() {
    let queue = queue_dir();
    let broadcaster = broadcaster::start_with(&queue, &["--entry-grace-secs", "0.1"]).await;
    let mut client = Collector::of(&broadcaster).await;
    queue.write("1.1_a.json", r#"{"event":"corrected","payload":"#);
    eventually("the entry is rejected", || queue.failed().len() == 2).await;

    let failed = queue.path().join("failed/1.1_a.json");
    std::fs::write(&failed, r#"{"event":"corrected","payload":[1]}"#).unwrap();
    std::fs::rename(&failed, queue.path().join("1.1_a.json")).unwrap();

    let message = client.messages(1).await.remove(0);
    assert_eq!((&message.event[..], &message.payload[..], message.timestamp), ("corrected", "[1]", 0));
}
