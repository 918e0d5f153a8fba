//! The application that `start()` gives the server: clients become known to PHP, their messages wait for `read()`. Runs on
//! the hub's thread, where no PHP code and none of PHP's memory may be touched.

use std::collections::HashMap;
use std::sync::Arc;

use server::{Application, ClientMessage, Hub, Reception, SessionId};

use crate::client::Client;
use crate::incidents::{Incident, Shared};
use crate::unread::UnreadBytes;

/// After so many incidents PHP's thread is woken although more are to come: it can begin meanwhile.
const INCIDENTS_PER_RING: usize = 16;

pub(crate) struct PhpApplication {
    shared: Arc<Shared>,
    hub: Hub,
    clients: HashMap<SessionId, Arc<Client>>,
    /// What waits for the handlers of all clients.
    unread_bytes: Arc<UnreadBytes>,
    /// Incidents that were added since PHP's thread was woken.
    unheard: usize,
}

impl PhpApplication {
    pub(crate) fn new(shared: Arc<Shared>, hub: &Hub, max_unread_bytes: usize) -> PhpApplication {
        let unread_bytes = Arc::new(UnreadBytes::new(max_unread_bytes));
        PhpApplication { shared, hub: hub.clone(), clients: HashMap::new(), unread_bytes, unheard: 0 }
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
            self.add(Incident::Opened(client));
        }
    }

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        let Some(client) = self.clients.get(&session).cloned() else { return Reception::Declined(message) };
        client.receive(message, |reader| self.add(Incident::Readable(reader)))
    }

    fn closed(&mut self, session: SessionId) {
        self.shared.clients().remove(&session);
        let Some(client) = self.clients.remove(&session) else { return };
        if client.end(|reader| self.add(Incident::Readable(reader))) {
            self.add(Incident::Closed(session));
        }
    }

    fn turn_ended(&mut self) {
        if std::mem::take(&mut self.unheard) > 0 {
            self.shared.incidents.ring();
        }
    }
}

impl PhpApplication {
    fn add(&mut self, incident: Incident) {
        self.shared.incidents.add(incident);
        self.unheard += 1;
        if self.unheard >= INCIDENTS_PER_RING {
            self.turn_ended();
        }
    }
}
