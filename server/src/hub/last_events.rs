//! The last event of each cache channel, as clients of the Pusher protocol get it when they subscribe. It is kept for a
//! time, and in bounded memory. Events that clients send are not kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use queue::ChannelName;

use crate::hub::Hub;
use crate::hub::published::Published;
use crate::protocol::pusher::channel::is_cache;
use crate::protocol::pusher::event;
use crate::protocol::{Encoding, Written};
use crate::unix_time;

/// How long an event is kept. Pusher has the same time.
const KEPT_FOR: Duration = Duration::from_secs(30 * 60);
/// Bytes of all events together. The oldest go first.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// What one takes beside its bytes and its name, roughly.
const OVERHEAD: usize = 200;
/// Frames of events, by channel.
#[derive(Debug, Default)]
pub(super) struct LastEvents {
    channels: HashMap<ChannelName, Last>,
    /// The channels in the order of their events.
    order: BTreeMap<u64, ChannelName>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Last {
    frame: Arc<[u8]>,
    at: Instant,
    /// From when on nobody needs it, in seconds since 1970.
    expires_at: Option<f64>,
    place: u64,
}

impl LastEvents {
    /// Keeps an event instead of the one before it.
    pub(super) fn keep(&mut self, channel: &ChannelName, frame: &[u8], now: Instant, expires_at: Option<f64>) {
        self.forget(channel);
        let place = self.next;
        self.next += 1;
        self.bytes += size(channel, frame);
        self.channels.insert(channel.clone(), Last { frame: frame.into(), at: now, expires_at, place });
        self.order.insert(place, channel.clone());
        while let Some(oldest) = self.order.first_entry() {
            let oldest = oldest.get().clone();
            let is_old = self.channels.get(&oldest).is_none_or(|last| now.duration_since(last.at) > KEPT_FOR);
            if self.bytes <= MAX_BYTES && !is_old {
                return;
            }
            self.forget(&oldest);
        }
    }

    /// The frame of a channel's last event.
    pub(super) fn of(&self, channel: &ChannelName, now: Instant) -> Option<Arc<[u8]>> {
        let last = self.channels.get(channel)?;
        let has_expired = last.expires_at.is_some_and(|time| time <= unix_time::now().as_secs_f64());
        (!has_expired && now.duration_since(last.at) <= KEPT_FOR).then(|| last.frame.clone())
    }

    fn forget(&mut self, channel: &ChannelName) {
        if let Some(Last { frame, place, .. }) = self.channels.remove(channel) {
            self.order.remove(&place);
            self.bytes -= size(channel, &frame);
        }
    }
}

impl Published {
    /// Whether there are clients of the Pusher protocol: only for them the last events of cache channels are kept.
    pub(super) fn serve_pusher(&mut self, is_on: bool) {
        if is_on != self.last_events.is_some() {
            self.last_events = is_on.then(LastEvents::default);
        }
    }

    /// Keeps a publication that is just given a place, for its cache channels.
    pub(super) fn keep_last_event(
        &mut self,
        channels: Option<&[ChannelName]>,
        written: Written<'_>,
        expires_at: Option<f64>,
    ) {
        let Some(last_events) = &mut self.last_events else { return };
        for channel in channels.unwrap_or_default().iter().filter(|channel| is_cache(channel)) {
            if Encoding::Pusher.has(written) {
                let mut frame = Vec::new();
                event::encode(written, Some(channel), &mut frame);
                last_events.keep(channel, &frame, Instant::now(), expires_at);
            }
        }
    }

    /// The last event of a channel, if it is a cache channel.
    pub(super) fn last_event(&self, channel: &ChannelName) -> Option<Arc<[u8]>> {
        self.last_events.as_ref()?.of(channel, Instant::now())
    }
}

impl Hub {
    /// Whether there are clients of the Pusher protocol. To be called before anything is published.
    pub(super) fn serve_pusher(&self, is_on: bool) {
        self.lock().serve_pusher(is_on);
    }
}

fn size(channel: &ChannelName, frame: &[u8]) -> usize {
    frame.len() + channel.as_str().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_nobody_needs_any_more_is_not_kept() {
        let (mut last, now) = (LastEvents::default(), Instant::now());
        let channel = "cache-a".parse::<ChannelName>().expect("a name");
        let soon = unix_time::now().as_secs_f64();
        last.keep(&channel, b"1", now, Some(soon + 3600.0));
        assert!(last.of(&channel, now).is_some());
        last.keep(&channel, b"2", now, Some(soon));
        assert!(last.of(&channel, now).is_none());
    }

    #[test]
    fn the_last_event_is_kept_for_a_time_and_in_bounded_memory() {
        let name = |name: &str| name.parse::<ChannelName>().expect("a name");
        let (mut last, now) = (LastEvents::default(), Instant::now());
        last.keep(&name("cache-a"), b"1", now, None);
        last.keep(&name("cache-a"), b"2", now, None);
        assert_eq!(last.of(&name("cache-a"), now + KEPT_FOR).as_deref(), Some(&b"2"[..]));
        assert!(last.of(&name("cache-a"), now + KEPT_FOR + Duration::from_secs(1)).is_none());
        let large = vec![0; MAX_BYTES / 4];
        for channel in ["cache-b", "cache-c", "cache-d", "cache-e"] {
            last.keep(&name(channel), &large, now, None);
        }
        assert!(last.of(&name("cache-a"), now).is_none() && last.of(&name("cache-b"), now).is_none());
        assert!(last.of(&name("cache-e"), now).is_some() && last.bytes <= MAX_BYTES);
        last.keep(&name("cache-f"), b"3", now + KEPT_FOR * 2, None);
        assert_eq!((last.channels.len(), last.order.len()), (1, 1));
    }
}
