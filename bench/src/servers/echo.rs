//! An echo in pure Rust on the server library: what a handler in PHP is compared with.

use anyhow::Context;
use server::config::Settings;
use server::frames::{encode_binary, encode_text};
use server::{Application, Client, ClientMessage, Hub, Reception, Server, SessionId};

struct Echo(Hub);

impl Application for Echo {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception {
        self.0.send(
            session,
            match message {
                ClientMessage::Text(text) => encode_text(&text),
                ClientMessage::Binary(bytes) => encode_binary(&bytes),
            },
        );
        Reception::Taken
    }

    fn closed(&mut self, _session: SessionId) {}
}

pub(super) fn serve() -> anyhow::Result<()> {
    // As in `start()`: there is no limit for what a client sends.
    let settings = Settings {
        listen: Some("127.0.0.1:0".to_owned()),
        max_messages_per_sec: Some(0),
        max_bytes_per_sec: Some(0),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(settings.resolve()?, |hub| Echo(hub.clone()))?;
        super::announce(server.local_addr(), None);
        server.run(std::future::pending()).await.context("the server failed")
    })
}
