//! The application that `start()` gives the server: it makes clients known to PHP, and keeps their messages for
//! `read()`. Runs on the threads of the server, where no PHP code may run and none of PHP's memory may be used.

use std::collections::HashMap;
use std::sync::Arc;

use server::{Application, ClientMessage, Hub, Reception, SessionId};

use crate::client::{Client, UnreadBytes};
use crate::notifications::Notification;
use crate::shared::Shared;

/// After so many notifications PHP's thread is woken although more may follow, so that it can begin.
const NOTIFICATIONS_PER_WAKE: usize = 16;

pub(super) struct PhpApplication {
    shared: Arc<Shared>,
    hub: Hub,
    clients: HashMap<SessionId, Arc<Client>>,
    /// What waits for the handlers of all clients.
    unread_bytes: Arc<UnreadBytes>,
    /// Notifications that were added since PHP's thread was woken.
    since_wake: usize,
}

impl PhpApplication {
    pub(super) fn new(shared: Arc<Shared>, hub: &Hub, max_unread_bytes: usize) -> PhpApplication {
        let unread_bytes = Arc::new(UnreadBytes::new(max_unread_bytes));
        PhpApplication { shared, hub: hub.clone(), clients: HashMap::new(), unread_bytes, since_wake: 0 }
    }
}

impl Application for PhpApplication {
    fn opened(&mut self, client: server::Client) {
        let session = client.session;
        let handled = self.shared.has_handler(&client.path);
        let client = Arc::new(Client::new(client, self.hub.clone(), handled, self.unread_bytes.clone()));
        self.shared.clients().insert(session, client.clone());
        self.clients.insert(session, client.clone());
        if handled {
            self.add(Notification::Opened(client));
        }
    }

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        let Some(client) = self.clients.get(&session).cloned() else { return Reception::Declined(message) };
        client.receive(message, |reader| self.add(Notification::Readable(reader)))
    }

    fn closed(&mut self, session: SessionId) {
        self.shared.clients().remove(&session);
        let Some(client) = self.clients.remove(&session) else { return };
        if client.end(|reader| self.add(Notification::Readable(reader))) {
            self.add(Notification::Closed(session));
        }
    }

    fn turn_ended(&mut self) {
        if std::mem::take(&mut self.since_wake) > 0 {
            self.shared.notifications.wake();
        }
    }
}

impl PhpApplication {
    fn add(&mut self, notification: Notification) {
        self.shared.notifications.add(notification);
        self.since_wake += 1;
        if self.since_wake >= NOTIFICATIONS_PER_WAKE {
            self.turn_ended();
        }
    }
}
