//! Nobody gets what is not for it, and every client all that is: clients that subscribe, leave, come back and read
//! slowly at random, held against a simple model.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use server::config::Settings;
use server::{Audience, Publication};
use testkit::within;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::util::TestServer;

/// Steps of one run, unless `ISOLATION_STEPS` says otherwise.
const STEPS: usize = 2_000;
const CLIENTS: usize = 6;
const CHANNELS: [&str; 8] = ["a", "b", "a.b", "A", "orders", "orders.1", "news", "x"];

/// What was published: number n has the id n.
#[derive(Debug, Clone, Default)]
struct Published {
    /// None: for everybody.
    channels: Option<Vec<&'static str>>,
    except: Option<String>,
}

type Log = Arc<Mutex<Vec<Published>>>;

/// What a client is asked to do.
#[derive(Debug)]
enum Order {
    Subscribe(Vec<&'static str>),
    Unsubscribe(Vec<&'static str>),
    Ping,
    /// Connect anew, by URL or natively.
    Reconnect {
        by_url: bool,
        channels: Vec<&'static str>,
        everybody: bool,
    },
    /// Read nothing until the next order.
    Pause,
    /// Read on until everything published by now was received, and end.
    Finish,
}

/// What the model says of a publication and a client.
struct Due {
    is_required: bool,
    /// The channels that may be named. `None`: it is for everybody.
    names: Vec<Option<String>>,
}

/// A client and what the model says of it.
struct Watched {
    address: SocketAddr,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    log: Log,
    /// What was published up to here was received, or is not for the client.
    cursor: u64,
    /// Its channels, and what they begin after.
    channels: BTreeMap<String, u64>,
    everybody: Option<u64>,
    is_native: bool,
    id: Arc<Mutex<String>>,
    /// How much was published when a leave was asked for.
    leaving: Vec<(Vec<&'static str>, u64)>,
    received: usize,
    last: String,
}

impl Watched {
    async fn connect(address: SocketAddr, log: Log, id: Arc<Mutex<String>>) -> Watched {
        let socket = open(address, false, &[], true).await;
        let mut client = Watched {
            address,
            socket,
            log,
            cursor: 0,
            channels: BTreeMap::new(),
            everybody: None,
            is_native: true,
            id,
            leaving: Vec::new(),
            received: 0,
            last: String::new(),
        };
        client.welcomed(true).await;
        client
    }

    async fn welcomed(&mut self, everybody: bool) {
        let welcome = self.next().await.expect("a first message");
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        self.cursor = seq_of(&welcome);
        self.everybody = everybody.then_some(self.cursor);
        self.channels = names(&welcome).into_iter().map(|name| (name, self.cursor)).collect();
        self.leaving.clear();
        *self.id.lock().unwrap() = welcome["client"].as_str().expect("an id").to_owned();
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) -> usize {
        loop {
            tokio::select! {
                order = orders.recv() => match order.expect("an order to finish") {
                    Order::Pause => {
                        if let Some(order) = orders.recv().await
                            && self.obey(order).await
                        {
                            return self.received;
                        }
                    }
                    order => if self.obey(order).await { return self.received },
                },
                message = self.socket.next() => self.take(message).await,
            }
        }
    }

    /// Returns whether it has finished.
    async fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Subscribe(channels) if self.is_native => {
                self.send(json!({ "type": "subscribe", "channels": channels })).await;
            }
            Order::Unsubscribe(channels) if self.is_native => {
                let published = self.log.lock().unwrap().len() as u64;
                self.leaving.push((channels.clone(), published));
                self.send(json!({ "type": "unsubscribe", "channels": channels })).await;
            }
            Order::Ping if self.is_native => self.send(json!({ "type": "ping" })).await,
            Order::Reconnect { by_url, channels, everybody } => {
                self.is_native = !by_url;
                self.socket = open(self.address, by_url, &channels, everybody).await;
                self.welcomed(everybody).await;
            }
            Order::Finish => {
                let last = self.log.lock().unwrap().len() as u64;
                // What is for this client ends somewhere: a message that is shows that nothing is missing before.
                while self.due_between(self.cursor, last).is_some() {
                    let message = within("what is due arrives", self.socket.next()).await;
                    self.take(message).await;
                }
                return true;
            }
            _ => {}
        }
        false
    }

    async fn send(&mut self, command: Value) {
        // One that was disconnected as slow learns it when it reads.
        let _ = self.socket.send(Message::text(command.to_string())).await;
    }

    async fn take(&mut self, message: Option<Result<Message, Error>>) {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let code = u16::from(frame.expect("a code").code);
                assert_eq!(code, 4008, "only slow clients are disconnected");
                return;
            }
            Some(Ok(_)) => return,
            None | Some(Err(_)) => {
                self.is_native = true;
                self.socket = open(self.address, false, &[], true).await;
                return self.welcomed(true).await;
            }
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        self.last = format!("{} | {}", self.last.split(" | ").last().unwrap_or_default(), &text[..text.len().min(200)]);
        match message["type"].as_str() {
            None => self.on_event(&message),
            Some("subscribed") => {
                let began = seq_of(&message);
                self.advance(began);
                for name in names(&message) {
                    self.channels.entry(name).or_insert(began);
                }
            }
            Some("unsubscribed") => {
                let (asked, published) = self.leaving.remove(0);
                assert_eq!(names(&message), asked);
                self.advance(published);
                self.channels.retain(|name, _| !asked.contains(&name.as_str()));
            }
            Some("pong" | "heartbeat") => self.advance(seq_of(&message)),
            other => panic!("unexpected {other:?} in {message}"),
        }
    }

    fn on_event(&mut self, message: &Value) {
        let seq = seq_of(message);
        assert!(seq > self.cursor, "{seq} after {}: {message}", self.cursor);
        self.advance(seq - 1);
        assert_eq!(message["payload"]["n"], seq, "{message}");
        let named = message["channel"].as_str();
        assert!(self.due(seq).names.iter().any(|name| name.as_deref() == named), "not for this client: {message}");
        self.cursor = seq;
        self.received += 1;
    }

    /// Notes that everything up to a publication was received that is for the client.
    fn advance(&mut self, to: u64) {
        if let Some(missing) = self.due_between(self.cursor, to) {
            let published = self.log.lock().unwrap()[missing as usize - 1].clone();
            panic!(
                "{missing}, {published:?}, is missing of what is for {:?}, everybody {:?}, {}, by {}",
                self.channels, self.everybody, self.cursor, self.last
            );
        }
        self.cursor = self.cursor.max(to);
    }

    fn due_between(&self, after: u64, to: u64) -> Option<u64> {
        (after + 1..=to).find(|seq| self.due(*seq).is_required)
    }

    /// Whether a publication is for the client, and the channels that may bring it: the first that the client has, or a
    /// later one if it has asked to leave those before.
    fn due(&self, seq: u64) -> Due {
        let log = self.log.lock().unwrap();
        let published = &log[seq as usize - 1];
        let mut due = Due { is_required: false, names: Vec::new() };
        if published.except.as_ref() == Some(&*self.id.lock().unwrap()) {
            return due;
        }
        let Some(channels) = &published.channels else {
            due.is_required = self.everybody.is_some_and(|began| began < seq);
            due.names.extend(due.is_required.then_some(None));
            return due;
        };
        for name in channels.iter().filter(|name| self.channels.get(**name).is_some_and(|began| *began < seq)) {
            due.names.push(Some((*name).to_owned()));
            let may_be_left = |(names, published): &(Vec<&str>, u64)| names.contains(name) && *published < seq;
            if !self.leaving.iter().any(may_be_left) {
                due.is_required = true;
                break;
            }
        }
        due
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Message::Text(text) = within("a message comes", self.socket.next()).await?.ok()? {
                return serde_json::from_str(&text).ok();
            }
        }
    }
}

async fn open(
    address: SocketAddr,
    by_url: bool,
    channels: &[&str],
    everybody: bool,
) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let channels: String = channels.iter().map(|name| format!("channel={name}&")).collect();
    let url = format!("ws://{address}/?{channels}everybody={}", u8::from(everybody));
    let mut request = url.into_client_request().expect("a URL");
    if !by_url {
        request.headers_mut().insert("Sec-WebSocket-Protocol", "fastapi.v1".parse().expect("a header"));
    }
    within("a client connects", tokio_tungstenite::connect_async(request)).await.expect("a connection").0
}

fn seq_of(message: &Value) -> u64 {
    let id = message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}"));
    id.split_once('-').and_then(|(_, seq)| seq.parse().ok()).unwrap_or_else(|| panic!("{id}"))
}

fn names(message: &Value) -> Vec<String> {
    let names = message["channels"].as_array().unwrap_or_else(|| panic!("no channels in {message}"));
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}

fn some_channels(rng: &mut StdRng, most: usize) -> Vec<&'static str> {
    let mut channels: Vec<&'static str> = CHANNELS.to_vec();
    let count = rng.random_range(0..=most);
    (0..count).map(|_| channels.remove(rng.random_range(0..channels.len()))).collect()
}

/// One run. Returns how many events were received.
async fn play(seed: u64, hub_threads: usize, steps: usize) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let settings = Settings {
        hub_threads: Some(hub_threads),
        max_outbox_bytes: Some(256 * 1024),
        max_messages_per_sec: Some(0),
        max_channels_per_client: Some(100_000),
        ..Settings::default()
    };
    let server = TestServer::with(settings);
    let log = Log::default();
    let ids: Vec<Arc<Mutex<String>>> = (0..CLIENTS).map(|_| Arc::default()).collect();
    let mut clients = Vec::new();
    for id in &ids {
        let client = Watched::connect(server.address, log.clone(), id.clone()).await;
        let (orders, received) = mpsc::unbounded_channel();
        clients.push((orders, tokio::spawn(client.run(received))));
    }
    for step in 0..steps {
        let (orders, _) = &clients[rng.random_range(0..CLIENTS)];
        let order = match rng.random_range(0..100) {
            0..3 => Some(Order::Subscribe(some_channels(&mut rng, 4)).filled()),
            3..6 => Some(Order::Unsubscribe(some_channels(&mut rng, 3)).filled()),
            6 => Some(Order::Ping),
            7 if step % 5 == 0 => Some(Order::Reconnect {
                by_url: rng.random(),
                channels: some_channels(&mut rng, 3),
                everybody: rng.random(),
            }),
            8 => Some(Order::Pause),
            _ => None,
        };
        if let Some(order) = order {
            let _ = orders.send(order);
            continue;
        }
        let channels = (!rng.random_bool(0.1)).then(|| some_channels(&mut rng, 5)).filter(|list| !list.is_empty());
        let except = rng.random_bool(0.05).then(|| ids[rng.random_range(0..CLIENTS)].lock().unwrap().clone());
        publish(&server, &log, Published { channels, except }, rng.random_range(0..600));
        if step % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    // For every channel, so that each client has something to wait for.
    publish(&server, &log, Published { channels: Some(CHANNELS.to_vec()), except: None }, 0);
    publish(&server, &log, Published::default(), 0);
    let mut received = 0;
    for (orders, running) in clients {
        let _ = orders.send(Order::Ping);
        let _ = orders.send(Order::Finish);
        received += within("a client has all that is for it", running).await.expect("the model holds");
    }
    server.stopped().await;
    received
}

impl Order {
    /// A command that names no channel is none.
    fn filled(self) -> Order {
        match self {
            Order::Subscribe(channels) | Order::Unsubscribe(channels) if channels.is_empty() => Order::Ping,
            order => order,
        }
    }
}

fn publish(server: &TestServer, log: &Log, published: Published, padding: usize) {
    let mut log = log.lock().unwrap();
    let payload = format!(r#"{{"n":{},"text":"{}"}}"#, log.len() + 1, "x".repeat(padding));
    let names: Option<Vec<queue::ChannelName>> =
        published.channels.as_ref().map(|names| names.iter().map(|name| name.parse().expect("a name")).collect());
    log.push(published.clone());
    server.hub.publish(&Publication {
        audience: names.as_deref().map_or(Audience::Everybody, Audience::Channels),
        except: published.except.as_deref(),
        ..Publication::to_everybody(r#""test""#, &payload, 0)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_receives_what_the_model_says_once_and_in_order() {
    let steps = std::env::var("ISOLATION_STEPS").ok().map_or(STEPS, |steps| steps.parse().expect("a number"));
    for hub_threads in 1..=4 {
        let seed = rand::random();
        println!("seed {seed}, {hub_threads} threads");
        let received = play(seed, hub_threads, steps / 4).await;
        assert!(received > steps / 16, "only {received} events were received");
    }
}
