//! What the server's threads share with PHP's thread: the notifications, the clients, and which paths have a handler.
//! Nothing else is used by both.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use server::SessionId;

use crate::client::Client;
use crate::notifications::Notifications;
use crate::routes::without_query;

pub(crate) struct Shared {
    pub(crate) notifications: Notifications,
    /// Every client that is connected, in the order of connecting.
    clients: Mutex<BTreeMap<SessionId, Arc<Client>>>,
    /// The paths that have a handler.
    paths: Mutex<HashSet<String>>,
}

impl Shared {
    /// # Errors
    /// When the notifier cannot be opened.
    pub(crate) fn new(paths: HashSet<String>) -> io::Result<Shared> {
        let notifications = Notifications::new()?;
        Ok(Shared { notifications, clients: Mutex::default(), paths: Mutex::new(paths) })
    }

    pub(crate) fn clients(&self) -> MutexGuard<'_, BTreeMap<SessionId, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_path(&self, path: String) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    /// Whether a handler is registered for this request target, with its query or without.
    pub(crate) fn has_handler(&self, target: &str) -> bool {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.contains(target) || paths.contains(without_query(target))
    }
}
