use std::sync::atomic::AtomicUsize;

use mio::{Events, Poll, Token};

use super::*;

fn inbox() -> (Arc<Inbox>, Poll) {
    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), Token(0)).unwrap();
    (Arc::new(Inbox::new(0, waker, Arc::new(ProgressNotifier::new().unwrap()))), poll)
}

fn is_woken(poll: &mut Poll) -> bool {
    let mut events = Events::with_capacity(1);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    !events.is_empty()
}

fn append_one(inbox: &Inbox) {
    inbox.append(b"frame", &[5], &[], &ChannelFrames::default());
}

fn take(inbox: &Inbox) {
    inbox.take(&mut Arrivals::default());
}

#[test]
fn a_sleeping_thread_sleeps_on_when_the_caller_delivers() {
    let (inbox, mut poll) = inbox();
    let turns = Arc::new(AtomicUsize::new(0));
    inbox.set_turn_elsewhere({
        let (inbox, turns) = (Arc::downgrade(&inbox), turns.clone());
        move || {
            take(&inbox.upgrade().unwrap());
            turns.fetch_add(1, Ordering::SeqCst);
            true
        }
    });
    assert!(inbox.fall_asleep());
    append_one(&inbox);
    inbox.deliver();
    append_one(&inbox);
    inbox.deliver();
    assert_eq!(turns.load(Ordering::SeqCst), 2, "it still counts as asleep");
    assert!(!is_woken(&mut poll));
    inbox.wake();
    assert!(is_woken(&mut poll), "others can wake it");
}

#[test]
fn a_thread_that_is_awake_takes_what_waits_itself() {
    let (inbox, mut poll) = inbox();
    inbox.set_turn_elsewhere(|| panic!("two turns at once"));
    inbox.awake();
    append_one(&inbox);
    inbox.deliver();
    assert!(!is_woken(&mut poll));
    assert!(!inbox.fall_asleep(), "it looks once more before it sleeps");
}

#[test]
fn a_thread_is_woken_when_the_caller_cannot_do_all() {
    let (inbox, mut poll) = inbox();
    inbox.set_turn_elsewhere(|| false);
    assert!(inbox.fall_asleep());
    append_one(&inbox);
    inbox.deliver();
    assert!(is_woken(&mut poll));
}

#[test]
fn what_comes_in_while_the_caller_delivers_wakes_the_thread() {
    let (inbox, mut poll) = inbox();
    inbox.set_turn_elsewhere({
        let inbox = Arc::downgrade(&inbox);
        move || {
            let inbox = inbox.upgrade().unwrap();
            take(&inbox);
            // It wakes nobody: a turn is being taken at this moment.
            inbox.command(Command::Shutdown { grace: Duration::ZERO });
            true
        }
    });
    assert!(inbox.fall_asleep());
    append_one(&inbox);
    inbox.deliver();
    assert!(is_woken(&mut poll));
}

#[test]
fn a_thread_is_woken_when_the_turn_of_the_caller_panics() {
    let (inbox, mut poll) = inbox();
    inbox.set_turn_elsewhere(|| panic!("a turn that fails"));
    assert!(inbox.fall_asleep());
    append_one(&inbox);
    let delivered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| inbox.deliver()));
    assert!(delivered.is_err());
    assert!(is_woken(&mut poll));
}
