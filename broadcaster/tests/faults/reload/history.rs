//! What is kept for clients that come back, by rules that were read again.

use testkit::until;

use super::{Stage, take_effect};
use crate::history::{Page, queue};

/// Whether a client that was there before is sent all that came since.
fn recovers(stage: &Stage, target: &str, id: &str) -> bool {
    let (_, welcome) = Page::visit(stage.address(), &format!("{target}&after={id}"));
    welcome["recovered"].as_bool().unwrap_or_else(|| panic!("{welcome}"))
}

/// Publishes three events in the channel `a`. Returns the id before them.
fn three_events(stage: &Stage) -> String {
    let mut page = Page::open(stage.address());
    let id = page.id.clone();
    (0..3).for_each(|number| queue(&stage.queue.path(), number, None));
    page.gets(0..3);
    id
}

const CHANNEL: &str = "/?channel=a";

take_effect! {
    history_events(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        assert!(recovers(&stage, CHANNEL, &id));
        stage.reload(&[("history_events", "2")]);
        assert!(!recovers(&stage, CHANNEL, &id));
        stage.reload(&[("history_events", "6")]);
        let id = three_events(&stage);
        assert!(recovers(&stage, CHANNEL, &id));
    }

    history_events_everybody(stage) {
        stage.start(&[]);
        let mut page = Page::open(stage.address());
        let id = page.id.clone();
        (0..3).for_each(|number| drop(stage.queue.enqueue(number)));
        page.gets(0..3);
        assert!(recovers(&stage, "/?everybody=1", &id));
        stage.reload(&[("history_events_everybody", "2")]);
        assert!(!recovers(&stage, "/?everybody=1", &id));
    }

    history_ttl_secs(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        stage.reload(&[("history_ttl_secs", "1")]);
        until("they are too old", || !recovers(&stage, CHANNEL, &id));
    }

    history_bytes(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        stage.reload(&[("history_bytes", "1")]);
        until("they are too large", || !recovers(&stage, CHANNEL, &id));
    }

    history_meta_secs(stage) {
        stage.start(&[("history_ttl_secs", "1")]);
        let id = three_events(&stage);
        until("they are gone", || !recovers(&stage, CHANNEL, &id));
        assert!(recovers(&stage, "/?channel=b&everybody=0", &id), "there was nothing in that channel");
        stage.reload(&[("history_meta_secs", "0")]);
        until("it is not known any more", || !recovers(&stage, "/?channel=b&everybody=0", &id));
    }

    channel(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        stage.reload(&[("channel", "[{ pattern = 'a', history_events = 2 }]")]);
        assert!(!recovers(&stage, CHANNEL, &id));
        stage.reload(&[("channel", "[{ pattern = 'a', history_events = 0 }]")]);
        let id = three_events(&stage);
        stage.reload(&[("channel", "[{ pattern = 'b', history_events = 0 }]")]);
        assert!(!recovers(&stage, CHANNEL, &id), "it was not kept");
        let id = three_events(&stage);
        assert!(recovers(&stage, CHANNEL, &id));
    }

    recover_limit(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        stage.reload(&[("recover_limit", "2")]);
        assert!(!recovers(&stage, CHANNEL, &id));
    }

    recover_bytes(stage) {
        stage.start(&[]);
        let id = three_events(&stage);
        stage.reload(&[("recover_bytes", "20")]);
        assert!(!recovers(&stage, CHANNEL, &id));
    }
}

#[test]
fn history_that_was_off_at_the_start_needs_a_restart_and_can_be_turned_off_without() {
    let mut stage = Stage::new();
    stage.start(&[("history_bytes", "0")]);
    stage.reload(&[("history_bytes", "1000000")]);
    stage.broadcaster().await_log("key=history_bytes");

    let mut stage = Stage::new();
    stage.start(&[]);
    let id = three_events(&stage);
    stage.reload(&[("history_bytes", "0")]);
    assert!(!recovers(&stage, CHANNEL, &id));
    stage.reload(&[("history_bytes", "1000000")]);
    assert!(!recovers(&stage, CHANNEL, &id));
    let id = three_events(&stage);
    assert!(recovers(&stage, CHANNEL, &id));
    assert!(stage.broadcaster().log_lines("at a restart only").is_empty());
}
