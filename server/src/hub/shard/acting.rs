//! What operators ask of a thread of the hub: to end connections or subscriptions, and which channels it has. All
//! sessions are gone through in pieces, one between two turns: events do not wait for the rest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Shard;
use super::channels::Channels;
use crate::application::Application;
use crate::disconnect::Disconnect;
use crate::hub::actions::{Action, ChannelPage, Found, Who};
use crate::hub::interest::ChannelKey;
use crate::hub::session::Session;
use crate::hub::subscriber::Subscription;
use crate::protocol::native::ErrorCode;

/// For how long a piece may take. Events wait for it.
const PIECE: Duration = Duration::from_micros(300);
/// How long nothing of it is done after a piece. Most events come in this time, and the processor is free for others.
const REST: Duration = Duration::from_millis(1);
/// What may wait to be done. An action stays here when the one who asked for it has gone.
const MAX_TASKS: usize = 256;
/// Steps after which the time is looked at.
const STEPS: usize = 8;
/// Subscriptions of a session that one step looks at.
const SUBSCRIPTIONS: usize = 64;

/// What was asked and is not done.
#[derive(Debug, Default)]
pub(super) struct Acting {
    tasks: VecDeque<Task>,
    /// When the next piece may be done. `None`: at once.
    next: Option<Instant>,
}

#[derive(Debug)]
struct Task {
    work: Work,
    /// The session to go on with.
    next: usize,
}

#[derive(Debug)]
enum Work {
    Act { action: Action, done: usize, answer: oneshot::Sender<usize> },
    List { page: Arc<ChannelPage>, found: Found, after: Option<ChannelKey>, answer: oneshot::Sender<Found> },
}

/// How far a piece of work has come.
enum Step {
    /// This session is done.
    Done,
    /// It has more subscriptions.
    More,
}

impl Acting {
    /// When there is something to do, if there is.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        (!self.tasks.is_empty()).then(|| self.next.unwrap_or(now))
    }

    /// Does nothing if very much is to be done already. The answer is dropped then, which tells so.
    pub(super) fn act(&mut self, action: Action, answer: oneshot::Sender<usize>) {
        if self.tasks.len() >= MAX_TASKS {
            return;
        }
        self.tasks.push_back(Task { work: Work::Act { action, done: 0, answer }, next: 0 });
    }

    /// The same for a list.
    pub(super) fn list(&mut self, page: Arc<ChannelPage>, answer: oneshot::Sender<Found>) {
        if self.tasks.len() >= MAX_TASKS {
            return;
        }
        let work = Work::List { page, found: Found::new(), after: None, answer };
        self.tasks.push_back(Task { work, next: 0 });
    }
}

impl<A: Application> Shard<A> {
    /// Does a piece of what was asked.
    pub(super) fn act(&mut self, now: Instant) {
        if self.acting.next.is_some_and(|next| next > now) {
            return;
        }
        self.acting.next = None;
        let Some(mut task) = self.acting.tasks.pop_front() else { return };
        // Who stopped waiting for a list needs none. Of an action, the rest is done all the same.
        if matches!(&task.work, Work::List { answer, .. } if answer.is_closed()) {
            return;
        }
        let began = Instant::now();
        let ends = match task.work {
            Work::Act {
                action: Action::Disconnect(Who::Client(id)) | Action::Unsubscribe(Who::Client(id), _), ..
            } => id.and_then(|id| self.key(id)).map_or(0..0, |key| key..key + 1),
            _ => 0..self.sessions.capacity(),
        };
        task.next = task.next.max(ends.start);
        let mut steps = 0;
        while task.next < ends.end {
            if matches!(self.work_on(task.next, &mut task.work, now), Step::Done) {
                task.next += 1;
                // The next session begins with its first channel, also if this one has left meanwhile.
                if let Work::List { after, .. } = &mut task.work {
                    *after = None;
                }
            }
            steps += 1;
            if steps % STEPS == 0 && began.elapsed() >= PIECE {
                self.acting.next = Some(now + REST);
                return self.acting.tasks.push_front(task);
            }
        }
        if !self.acting.tasks.is_empty() {
            self.acting.next = Some(now + REST);
        }
        // Who asked may have stopped waiting.
        match task.work {
            Work::Act { done, answer, .. } => drop(answer.send(done)),
            Work::List { found, answer, .. } => drop(answer.send(found)),
        }
    }

    fn work_on(&mut self, key: usize, work: &mut Work, now: Instant) -> Step {
        let Some(session) = self.sessions.get(key).filter(|session| !session.is_closing()) else { return Step::Done };
        match work {
            Work::Act { action: Action::Disconnect(who), done, .. } => {
                if is_of(session, who) {
                    *done += 1;
                    self.hub.close(session.id, Disconnect::NotAllowed);
                }
                Step::Done
            }
            Work::Act { action: Action::Unsubscribe(who, names), done, .. } => {
                if is_of(session, who) {
                    let (id, names) = (session.id, names.clone());
                    // First deliver what was published before this request.
                    self.take_inbox(now);
                    let channels = self.key(id).map_or(Vec::new(), |key| self.keys_of(key, &names));
                    *done += usize::from(!channels.is_empty());
                    self.end_subscriptions(key, channels, ErrorCode::NotAllowed);
                }
                Step::Done
            }
            Work::List { page, found, after, .. } => {
                let subscriptions = session.subscriber().map_or(&[][..], |subscriber| subscriber.subscriptions());
                list(&self.channels, subscriptions, page, found, after)
            }
        }
    }
}

fn is_of(session: &Session, who: &Who) -> bool {
    match who {
        Who::User(user) => session.identity.as_ref().is_some_and(|identity| identity.user.as_ref() == Some(user)),
        Who::Client(id) => Some(session.id) == *id,
    }
}

/// Notes some of the channels of a session, by key behind that of before.
fn list(
    channels: &Channels,
    subscriptions: &[Subscription],
    page: &ChannelPage,
    found: &mut Found,
    after: &mut Option<ChannelKey>,
) -> Step {
    let start = after.map_or(0, |after| subscriptions.partition_point(|subscription| subscription.channel <= after));
    let rest = &subscriptions[start..];
    for subscription in &rest[..rest.len().min(SUBSCRIPTIONS)] {
        let key = subscription.channel;
        let Some(channel) = channels.get(key) else { continue };
        let Some(name) = &channel.name else { continue };
        let last = if found.len() < page.limit { None } else { found.last_key_value().map(|(last, _)| last.as_str()) };
        if page.limit > 0 && page.takes(name.as_str(), last) {
            let counts = found.entry(name.clone()).or_default();
            counts[key.encoding() as usize] = channel.subscribers.len() as u32;
            if found.len() > page.limit {
                found.pop_last();
            }
        }
    }
    *after =
        rest.get(SUBSCRIPTIONS - 1).filter(|_| rest.len() > SUBSCRIPTIONS).map(|subscription| subscription.channel);
    if after.is_some() { Step::More } else { Step::Done }
}
