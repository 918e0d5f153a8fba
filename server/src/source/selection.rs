//! Which events of the queue are published: not those that nobody needs any more, and not those that were sent already.

use std::time::{Duration, Instant};

use queue::Event;
use tracing::debug;

use crate::history::log::{Kept, LogTime};
use crate::publication::has_expired;
use crate::source::key_window::KeyWindow;

#[derive(Debug)]
pub(super) struct Selection {
    /// `None`: the broker finds repeats, for all machines.
    keys: Option<KeyWindow>,
    /// Those that were not admitted, until they are counted.
    left_out: LeftOut,
}

/// How many events were not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) expired: usize,
    pub(super) duplicate: usize,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection { keys: Some(KeyWindow::default()), left_out: LeftOut::default() }
    }
}

impl Selection {
    /// Looks at no keys.
    pub(super) fn without_keys() -> Selection {
        Selection { keys: None, left_out: LeftOut::default() }
    }

    /// Whether an event is to be published now. Its key is taken then.
    pub(super) fn admits(&mut self, event: &Event) -> bool {
        if has_expired(event) {
            debug!(uid = %event.uid(), event = event.name_json(), "event has expired, not sent");
            self.left_out.expired += 1;
            return false;
        }
        let channel = event.channels().and_then(<[_]>::first);
        if let (Some(keys), Some(key)) = (&mut self.keys, event.key())
            && !keys.take(channel, key, event.uid(), Instant::now())
        {
            debug!(uid = %event.uid(), event = event.name_json(), "an event with this key was sent, not sent again");
            self.left_out.duplicate += 1;
            return false;
        }
        true
    }

    /// How many events were not admitted since this was last asked.
    pub(super) fn take_left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }

    /// Frees the key of an event that was admitted and is not published.
    pub(super) fn give_back(&mut self, event: &Event) {
        let channel = event.channels().and_then(<[_]>::first);
        if let (Some(keys), Some(key)) = (&mut self.keys, event.key()) {
            keys.give_back(channel, key, event.uid());
        }
    }

    /// Takes the key of an event that the process before has published.
    pub(super) fn remember(&mut self, event: &Kept) {
        let Kept { at, uid, key, channels, .. } = event;
        if let (Some(keys), Some(key), Some(uid)) = (&mut self.keys, key, uid) {
            let (now, age) = (Instant::now(), Duration::from_nanos(LogTime::now().0.saturating_sub(at.0)));
            // A system that runs for a shorter time cannot say when that was. The key is known for a while longer then.
            let taken = now.checked_sub(age).unwrap_or(now);
            keys.take(channels.as_deref().and_then(<[_]>::first), key, *uid, taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unix_time;

    /// The events of an entry with these keys in its lines. They are for everybody, unless the keys say for whom.
    fn events(keys: &[&str]) -> Vec<Event> {
        let line = |keys: &&str| {
            let channels = if keys.contains("channels") { "" } else { r#""channels":null,"# };
            format!(r#"{{"v":1,"uid":"{}","event":"e",{channels}{keys}}}"#, queue::Uid::new())
        };
        let content: String = keys.iter().map(line).map(|line| line + "\n").collect();
        let name = "019a3a5e-7f00-7000-8000-000000000000.events".parse().expect("a name");
        queue::parse_entry(&name, content.as_bytes(), None, 1 << 20).expect("events")
    }

    fn admitted(keys: &[&str]) -> Vec<bool> {
        let mut selection = Selection::default();
        events(keys).iter().map(|event| selection.admits(event)).collect()
    }

    #[test]
    fn events_are_admitted_until_they_expire() {
        let now = unix_time::now().as_secs_f64();
        let (past, future) = (format!(r#""expires_at":{}"#, now - 1.0), format!(r#""expires_at":{}"#, now + 60.0));
        let keys = [&past, &future, r#""expires_at":null"#, r#""expires_at":-1"#, r#""expires_at":1e300"#];
        assert_eq!(admitted(&keys), [false, true, true, false, true]);
    }

    #[test]
    fn an_expired_event_takes_no_key() {
        assert_eq!(admitted(&[r#""key":"a","expires_at":1"#, r#""key":"a""#, r#""key":"a""#]), [false, true, false]);
    }

    #[test]
    fn a_key_counts_within_the_first_channel_of_its_event() {
        let keys = [
            r#""key":"k""#,
            r#""key":"k","channels":["a","b"]"#,
            r#""key":"k","channels":["b","a"]"#,
            r#""key":"k","channels":["a"]"#,
            r#""key":"k","channels":["c","a"]"#,
            r#""key":"k""#,
        ];
        assert_eq!(admitted(&keys), [true, true, true, false, true, false]);
    }

    #[test]
    fn events_without_a_key_are_no_repeats() {
        assert_eq!(admitted(&[r#""key":null"#, r#""key":null"#, r#""key":"a""#]), [true, true, true]);
    }
}
