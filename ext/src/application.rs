//! The application that `start()` gives the server: clients become known to PHP, their messages wait for `read()`. Runs on
//! the hub's thread, where no PHP code and none of PHP's memory may be touched.

use std::collections::HashMap;
use std::sync::Arc;

use server::{Application, ClientMessage, Hub, Reception, SessionId};

use crate::client::Client;
use crate::incidents::{Incident, Shared};

pub(crate) struct PhpApplication {
    shared: Arc<Shared>,
    hub: Hub,
    clients: HashMap<SessionId, Arc<Client>>,
}

impl PhpApplication {
    pub(crate) fn new(shared: Arc<Shared>, hub: &Hub) -> PhpApplication {
        PhpApplication { shared, hub: hub.clone(), clients: HashMap::new() }
    }
}

impl Application for PhpApplication {
    fn opened(&mut self, client: server::Client) {
        let session = client.session;
        let handled = self.shared.has_handler(&client.path);
        let client = Arc::new(Client::new(client, self.hub.clone(), handled));
        self.shared.clients().insert(session, client.clone());
        self.clients.insert(session, client.clone());
        if handled {
            self.shared.incidents.add(Incident::Opened(client));
        }
    }

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        match self.clients.get(&session) {
            Some(client) => client.receive(message, |reader| self.shared.incidents.add(Incident::Readable(reader))),
            None => Reception::Declined(message),
        }
    }

    fn closed(&mut self, session: SessionId) {
        self.shared.clients().remove(&session);
        let Some(client) = self.clients.remove(&session) else { return };
        if client.end(|reader| self.shared.incidents.add(Incident::Readable(reader))) {
            self.shared.incidents.add(Incident::Closed(session));
        }
    }
}
