//! The moment of joining: what is sent again and what comes live neither overlap nor leave a hole, while others publish
//! as fast as they can.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use server::config::Settings;
use testkit::{Client, EventStream, within};

use crate::channels::seq_of;
use crate::history::id_of;
use crate::util::TestServer;

/// Events of one run, unless `HISTORY_STEPS` says otherwise.
const STEPS: u64 = 3_000;
/// Enough for some of each kind on each thread.
const CLIENTS: u64 = 12;

/// Number n goes there: to the first, the second, everybody, both.
const CHANNELS: [&[&str]; 5] = [&["a"], &["b"], &[], &["b", "a"], &["c"]];

fn channels_of(number: u64) -> &'static [&'static str] {
    CHANNELS[number as usize % CHANNELS.len()]
}

/// How a client connects.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ByUrl,
    Stream,
    /// Subscribes `b` by a command.
    Native,
}

enum Connection {
    Socket(Box<Client>),
    Stream(EventStream),
}

impl Connection {
    /// The next message; of a stream, in the words of a WebSocket.
    async fn next(&mut self) -> Value {
        match self {
            Connection::Socket(client) => client.json().await,
            Connection::Stream(stream) => {
                let block = stream.event().await;
                match block.event.as_deref() {
                    Some("gap") => json!({ "type": "welcome", "recovered": false, "id": block.id }),
                    _ if block.data.is_none() => json!({ "type": "welcome", "recovered": true, "id": block.id }),
                    _ => block.json(),
                }
            }
        }
    }
}

/// A client that goes and comes back, and what it got.
struct Follower {
    kind: Kind,
    rng: StdRng,
    /// Its position for what the URL names.
    after: Option<String>,
    /// Its position for `b`, if that is subscribed by commands.
    after_b: Option<String>,
    /// What it got, and the number after which it has everything: by the URL, and by the command.
    got: [(u64, Vec<u64>); 2],
    resumes: u64,
}

impl Follower {
    fn new(kind: Kind, seed: u64) -> Follower {
        let got = [(0, Vec::new()), (0, Vec::new())];
        Follower { kind, rng: StdRng::seed_from_u64(seed), after: None, after_b: None, got, resumes: 0 }
    }

    async fn connect(&mut self, server: &TestServer) -> Connection {
        let after = self.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let mut connection = match self.kind {
            Kind::ByUrl => Connection::Socket(Box::new(
                Client::connect(server.address, &format!("/?channel=a&channel=b{after}")).await,
            )),
            Kind::Native => {
                Connection::Socket(Box::new(Client::native(server.address, &format!("/?channel=a{after}")).await))
            }
            Kind::Stream => {
                let lines = self.after.as_ref().map(|after| format!("Last-Event-ID: {after}\r\n")).unwrap_or_default();
                Connection::Stream(EventStream::open(server.address, "/?channel=a&channel=b", &lines).await)
            }
        };
        let welcome = connection.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        if self.after.is_some() {
            assert_eq!((&welcome["recovered"], Some(id_of(&welcome))), (&json!(true), self.after.clone()), "{welcome}");
            self.resumes += 1;
        } else {
            self.got[0].0 = seq_of(&welcome);
        }
        self.after = Some(id_of(&welcome));
        connection
    }

    /// Takes messages until it has the last, or has had enough.
    async fn visit(&mut self, server: &TestServer, last: u64) -> bool {
        let mut connection = self.connect(server).await;
        let mut subscribed_b = false;
        if let (Kind::Native, Connection::Socket(client)) = (self.kind, &mut connection) {
            let mut ask = json!({ "type": "subscribe", "channel": "b" });
            if let Some(after) = &self.after_b {
                ask["after"] = json!(after);
            }
            client.send_text(&ask.to_string()).await;
        }
        let mut left = self.rng.random_range(1..200);
        let is_native = matches!(self.kind, Kind::Native);
        let is_last = |follower: &Follower| seq_of(&json!({ "id": follower.after })) == last;
        // What it has missed of `b` comes in the answer, perhaps behind the last of all.
        while left > 0 || is_native && !subscribed_b && is_last(self) {
            if is_last(self) && (!is_native || subscribed_b) {
                return true;
            }
            left = u32::saturating_sub(left, 1);
            let message = connection.next().await;
            let number = seq_of(&message);
            if message["type"] == "subscribed" {
                subscribed_b = true;
                if self.after_b.is_some() {
                    assert_eq!(message["recovered"], true, "{message}");
                    for event in message["events"].as_array().unwrap() {
                        self.note(event);
                    }
                } else {
                    self.got[1].0 = number;
                }
            } else if message["event"].is_string() {
                self.note(&message);
            }
            self.after = Some(id_of(&message));
            if subscribed_b {
                self.after_b = Some(id_of(&message));
            }
        }
        is_last(self) && (!is_native || subscribed_b)
    }

    fn note(&mut self, event: &Value) {
        assert_eq!(event["payload"], seq_of(event), "{event}");
        let of_b = event["channel"] == "b" && matches!(self.kind, Kind::Native);
        self.got[usize::from(of_b)].1.push(seq_of(event));
    }

    /// Everything once, and in order on each of the two ways.
    fn check(&self, last: u64) {
        for (_, got) in &self.got {
            let is_in_order = got.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(is_in_order, "{:?}", self.kind);
        }
        let [(from, by_url), (from_b, by_b)] = &self.got;
        let mut got = [&by_url[..], by_b].concat();
        got.sort_unstable();
        if matches!(self.kind, Kind::Native) {
            // Where channels were asked for after different positions, an event of several of them may come again.
            got.dedup_by(|next, number| next == number && channels_of(*number).len() > 1);
        }
        let is_for = |number: &u64| {
            let channels = channels_of(*number);
            let by_url = channels.is_empty() || channels.contains(&"a");
            let by_b = channels.contains(&"b");
            match self.kind {
                Kind::Native => by_url && number > from || by_b && number > from_b,
                Kind::ByUrl | Kind::Stream => (by_url || by_b) && number > from,
            }
        };
        let expected: Vec<u64> = (1..=last).filter(is_for).collect();
        let differs = got.iter().zip(&expected).find(|(got, expected)| got != expected);
        assert_eq!((differs, got.len()), (None, expected.len()), "{:?}", self.kind);
    }
}

async fn play(seed: u64, hub_threads: usize, steps: u64) -> u64 {
    let much = 64 * 1024 * 1024;
    let settings = Settings {
        hub_threads: Some(hub_threads),
        max_outbox_bytes: Some(much),
        recover_bytes: Some(much),
        log_bytes: Some(much),
        recover_limit: Some(1 << 30),
        history_events: Some(1 << 30),
        history_events_everybody: Some(1 << 30),
        history_bytes: Some(1 << 30),
        max_messages_per_sec: Some(0),
        ..Settings::default()
    };
    let server = TestServer::with(settings);
    let hub_server = &server;
    let publishing = async {
        let mut rng = StdRng::seed_from_u64(seed);
        for number in 1..=steps {
            hub_server.publish(channels_of(number), number);
            if number == steps || rng.random_bool(0.05) {
                for _ in 0..rng.random_range(0..50) {
                    tokio::task::yield_now().await;
                }
            }
        }
        // For all, so that everybody gets the end.
        let last = (steps + 1..).find(|number| channels_of(*number).is_empty()).unwrap();
        for number in steps + 1..=last {
            hub_server.publish(channels_of(number), number);
        }
    };
    let last = (steps + 1..).find(|number| channels_of(*number).is_empty()).unwrap();
    let following = join_all((0..CLIENTS).map(|index| async move {
        let kind = [Kind::ByUrl, Kind::Stream, Kind::Native][index as usize % 3];
        let mut follower = Follower::new(kind, seed ^ index << 32);
        while !follower.visit(hub_server, last).await {}
        follower
    }));
    let ((), followers) = within("all is received", async { tokio::join!(publishing, following) }).await;
    followers.iter().for_each(|follower| follower.check(last));
    followers.iter().map(|follower| follower.resumes).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_and_what_comes_live_neither_overlap_nor_leave_a_hole() {
    let steps = std::env::var("HISTORY_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(STEPS);
    for hub_threads in 1..=4 {
        let seed = rand::random();
        eprintln!("seed {seed}, {hub_threads} threads");
        let resumes = play(seed, hub_threads, steps).await;
        eprintln!("{resumes} resumes");
        assert!(resumes > CLIENTS, "{resumes} resumes are too few to prove anything");
    }
}
