//! What all clients of a run have in common: the server, its rules, and what was published.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use rand::RngExt;
use rand::rngs::StdRng;
use server::{Audience, Hub, Publication};

use super::rights::{OPEN, RESTRICTED, Rules, some_of};
use crate::util::names;

/// What was published: number n has the id n.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// None: for everybody.
    pub(super) channels: Option<Vec<&'static str>>,
    pub(super) except: Option<String>,
    /// When it had been published.
    pub(super) at: SystemTime,
}

pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) rules: Rules,
    hub: Hub,
    log: Mutex<Vec<Published>>,
    /// Of the clients.
    ids: Mutex<Vec<String>>,
}

impl World {
    pub(super) fn new(address: SocketAddr, hub: Hub, rules: Rules, clients: usize) -> World {
        World { address, rules, hub, log: Mutex::default(), ids: Mutex::new(vec![String::new(); clients]) }
    }

    pub(super) fn publish(&self, channels: Option<Vec<&'static str>>, except: Option<String>, padding: usize) {
        let mut log = self.log();
        let payload = format!(r#"{{"n":{},"text":"{}"}}"#, log.len() + 1, "x".repeat(padding));
        let names = channels.as_deref().map(names);
        self.hub.publish(&Publication {
            audience: names.as_deref().map_or(Audience::Everybody, Audience::Channels),
            except: except.as_deref(),
            ..Publication::to_everybody(r#""test""#, &payload, 0)
        });
        // After it: what was published before a right ended has this time before that end.
        log.push(Published { channels, except, at: SystemTime::now() });
    }

    /// To 0 to 5 channels, sometimes not to one of the clients.
    pub(super) fn publish_something(&self, rng: &mut StdRng) {
        let all = [&OPEN[..], &RESTRICTED].concat();
        let channels = (!rng.random_bool(0.1)).then(|| some_of(&all, rng, 5)).filter(|list| !list.is_empty());
        let except = rng.random_bool(0.05).then(|| {
            let ids = self.ids.lock().unwrap();
            ids[rng.random_range(0..ids.len())].clone()
        });
        self.publish(channels, except, rng.random_range(0..600));
    }

    pub(super) fn set_id(&self, client: usize, id: String) {
        self.ids.lock().unwrap()[client] = id;
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Vec<Published>> {
        self.log.lock().unwrap()
    }

    /// How much was published before a time.
    pub(super) fn published_before(&self, time: SystemTime) -> u64 {
        self.log().partition_point(|published| published.at < time) as u64
    }
}
