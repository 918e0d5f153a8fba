//! A server of a test's own, and clients for it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use queue::Writer;
use server::config::Settings;
use server::{Application, Hub, NoApplication, Server};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// No condition of a test takes longer than this, or the test fails.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    root: TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<io::Result<()>>,
}

impl TestServer {
    pub(crate) fn start() -> TestServer {
        TestServer::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> TestServer {
        TestServer::build(queue_directory(), settings, |_| NoApplication)
    }

    /// With one application for all clients.
    pub(crate) fn with_application<A: Application>(settings: Settings, make: impl FnOnce(&Hub) -> A) -> TestServer {
        let mut make = Some(make);
        let settings = Settings { hub_threads: Some(1), ..settings };
        TestServer::with_applications(settings, |hub| make.take().expect("one thread has one application")(hub))
    }

    /// With an application for the clients of each thread.
    pub(crate) fn with_applications<A: Application>(settings: Settings, make: impl FnMut(&Hub) -> A) -> TestServer {
        TestServer::build(queue_directory(), settings, make)
    }

    /// Starts on a directory that has been used before.
    pub(crate) fn on(root: TempDir) -> TestServer {
        TestServer::on_port(root, 0)
    }

    /// The same on a given port.
    pub(crate) fn on_port(root: TempDir, port: u16) -> TestServer {
        TestServer::build(root, Settings { port: Some(port), ..Settings::default() }, |_| NoApplication)
    }

    fn build<A: Application>(root: TempDir, settings: Settings, make: impl FnMut(&Hub) -> A) -> TestServer {
        let own =
            Settings { queue: Some(root.path().join("queue")), port: settings.port.or(Some(0)), ..Settings::default() };
        let server = Server::bind(own.or(settings).resolve().unwrap(), make).unwrap();
        let (address, hub) = (server.local_addr(), server.hub().clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        TestServer { address, hub, root, stop: Some(stop), running }
    }

    pub(crate) fn queue(&self) -> PathBuf {
        self.root.path().join("queue")
    }

    pub(crate) fn enqueue(&self, payload: impl ToString) {
        enqueue(&self.queue(), payload);
    }

    /// How many entries wait in the directory.
    pub(crate) fn waiting(&self) -> usize {
        waiting(&self.queue())
    }

    pub(crate) async fn connect(&self) -> TestClient {
        self.connect_to("/").await
    }

    pub(crate) async fn connect_to(&self, path: &str) -> TestClient {
        let url = format!("ws://{}{path}", self.address);
        let (socket, _) = within(tokio_tungstenite::connect_async(url)).await.unwrap();
        TestClient { socket }
    }

    /// Tells the server to stop, without waiting.
    pub(crate) fn request_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for the server to have stopped and returns the directory.
    pub(crate) async fn stopped(mut self) -> TempDir {
        self.request_stop();
        within(self.running).await.unwrap().unwrap();
        self.root
    }
}

pub(crate) struct TestClient {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl TestClient {
    /// The next text message.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match within(self.socket.next()).await.expect("the connection is open").unwrap() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a text message, got {other:?}"),
            }
        }
    }

    /// The payload of the next event, as text.
    pub(crate) async fn payload(&mut self) -> String {
        payload_of(&self.text().await)
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within(self.socket.send(message)).await.unwrap();
    }

    /// Reads to the end and returns the close code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let mut code = None;
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => code = Some(frame.code.into()),
                Some(Ok(Message::Close(None))) => code = Some(1005),
                Some(Ok(_)) => {}
                None | Some(Err(Error::ConnectionClosed)) => return code.expect("a close frame before the end"),
                Some(Err(error)) => panic!("{error} instead of a close frame"),
            }
        }
    }
}

/// The payload in the text of an event, as text.
pub(crate) fn payload_of(text: &str) -> String {
    let rest = text.strip_prefix(r#"{"event":"test","payload":"#).unwrap_or_else(|| panic!("unexpected {text}"));
    rest[..rest.rfind(r#","timestamp":"#).unwrap()].to_owned()
}

pub(crate) fn queue_directory() -> TempDir {
    let root = TempDir::new().unwrap();
    queue::create_directory(&root.path().join("queue")).unwrap();
    root
}

pub(crate) fn enqueue(queue: &std::path::Path, payload: impl ToString) {
    Writer::new(queue).max_event_bytes(64 << 20).enqueue(br#""test""#, payload.to_string().as_bytes()).unwrap();
}

pub(crate) fn waiting(queue: &std::path::Path) -> usize {
    let is_entry = |file: &std::fs::DirEntry| file.file_name().to_string_lossy().ends_with(".json");
    std::fs::read_dir(queue).unwrap().filter(|file| is_entry(file.as_ref().unwrap())).count()
}

/// Fails the test if the future takes too long.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(TIMEOUT, future).await.expect("it takes too long")
}

/// Polls a condition that no event tells of.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
