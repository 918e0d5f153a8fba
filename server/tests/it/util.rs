//! A server of a test's own.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use queue::ChannelName;
use serde_json::Value;
use server::config::Settings;
use server::{Application, Audience, Hub, NoApplication, Observer, Publication, Server};
use testkit::{Client, QueueDir, within};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server in this process, on a queue directory of its own.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    pub(crate) observer: Observer,
    pub(crate) queue: QueueDir,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<io::Result<()>>,
}

impl TestServer {
    pub(crate) fn start() -> TestServer {
        TestServer::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> TestServer {
        TestServer::build(QueueDir::new(), settings, |_| NoApplication)
    }

    /// With one application for all clients.
    pub(crate) fn with_application<A: Application>(settings: Settings, make: impl FnOnce(&Hub) -> A) -> TestServer {
        let mut make = Some(make);
        let settings = Settings { hub_threads: Some(1), ..settings };
        TestServer::with_applications(settings, |hub| make.take().expect("one thread has one application")(hub))
    }

    /// With an application for the clients of each thread.
    pub(crate) fn with_applications<A: Application>(settings: Settings, make: impl FnMut(&Hub) -> A) -> TestServer {
        TestServer::build(QueueDir::new(), settings, make)
    }

    /// Starts on a directory that has been used before.
    pub(crate) fn on(queue: QueueDir) -> TestServer {
        TestServer::on_port(queue, 0)
    }

    /// The same on a given port.
    pub(crate) fn on_port(queue: QueueDir, port: u16) -> TestServer {
        TestServer::build(queue, Settings { port: Some(port), ..Settings::default() }, |_| NoApplication)
    }

    /// Starts on a directory that has been used before.
    pub(crate) fn on_with(queue: QueueDir, settings: Settings) -> TestServer {
        TestServer::build(queue, settings, |_| NoApplication)
    }

    /// Reads no directory.
    pub(crate) fn without_queue(settings: Settings) -> TestServer {
        TestServer::run(QueueDir::new(), None, settings, |_| NoApplication)
    }

    fn build<A: Application>(queue: QueueDir, settings: Settings, make: impl FnMut(&Hub) -> A) -> TestServer {
        let path = queue.path();
        TestServer::run(queue, Some(path), settings, make)
    }

    fn run<A: Application>(
        queue: QueueDir,
        path: Option<PathBuf>,
        settings: Settings,
        make: impl FnMut(&Hub) -> A,
    ) -> TestServer {
        let own = Settings { queue: path, port: settings.port.or(Some(0)), ..Settings::default() };
        let server = Server::bind(own.or(settings).resolve().unwrap(), make).unwrap();
        let (address, hub, observer) = (server.local_addr(), server.hub().clone(), server.observer());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        TestServer { address, hub, observer, queue, stop: Some(stop), running }
    }

    /// Connects a client on the path `/`.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, "/").await
    }

    /// Connects a client that sends commands, and returns it with its first message. `query` is that of its URL.
    pub(crate) async fn native(&self, query: &str) -> (Client, Value) {
        welcomed(Client::native(self.address, &format!("/{query}")).await).await
    }

    /// The same for a client that says in its URL what it wants, and sends no commands.
    pub(crate) async fn by_url(&self, query: &str) -> (Client, Value) {
        welcomed(Client::connect(self.address, &format!("/{query}")).await).await
    }

    /// Publishes an event with the name `test` to channels, or to everybody if there are none.
    pub(crate) fn publish(&self, channels: &[&str], payload: impl ToString) {
        self.publish_except(None, channels, payload);
    }

    /// The same, not to the client with this id.
    pub(crate) fn publish_except(&self, except: Option<&str>, channels: &[&str], payload: impl ToString) {
        let names = names(channels);
        let audience = if names.is_empty() { Audience::Everybody } else { Audience::Channels(&names) };
        let payload = payload.to_string();
        self.hub.publish(&Publication { audience, except, ..Publication::to_everybody("\"test\"", &payload, 7) });
    }

    /// Tells the server to stop, without waiting.
    pub(crate) fn request_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the server to have stopped and returns the directory.
    pub(crate) async fn stopped(mut self) -> QueueDir {
        self.request_stop();
        within("the server stops", self.running).await.unwrap().unwrap();
        self.queue
    }
}

/// Names of channels.
pub(crate) fn names(names: &[&str]) -> Vec<ChannelName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

async fn welcomed(mut client: Client) -> (Client, Value) {
    let welcome = client.json().await;
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    (client, welcome)
}
