//! A client: it does at random what it is told to do, and everything that it receives is checked.

use std::sync::Arc;
use std::time::SystemTime;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testkit::within;
use tokio::sync::{mpsc, oneshot};

use super::asked::Asked;
use super::connection::{Connection, NAMELESS, Received, Visit, Way};
use super::expected::Expected;
use super::rights::{OPEN, RESTRICTED, Token, WARNED, some_of};
use super::tally::Tally;
use super::world::World;

/// What a client is told to do.
#[derive(Debug)]
pub(super) enum Order {
    Subscribe,
    /// By a token for the channel.
    SubscribeByToken,
    Unsubscribe,
    Authenticate,
    Ping,
    /// Connect anew, in any way, with a token or without.
    Reconnect,
    /// Read nothing until the next order.
    Pause,
    /// Have a right that ends soon, and wait until it has ended.
    OutliveRights(oneshot::Sender<()>),
    /// Read on until everything published by now was received, and end.
    Finish,
}

pub(super) struct Client {
    world: Arc<World>,
    index: usize,
    rng: StdRng,
    connection: Connection,
    is_native: bool,
    expected: Expected,
    /// The last messages.
    last: [String; 2],
}

impl Client {
    pub(super) async fn connect(world: Arc<World>, index: usize, seed: u64) -> Client {
        let visit = anonymous(&world);
        let mut connection = Connection::open(&world, &visit).await.expect("a connection");
        let mut expected = Expected::new(world.clone(), Tally::default());
        let welcome = connection.welcome(&[]).await;
        world.set_id(index, expected.welcomed(&welcome, None, &[], visit.everybody));
        let rng = StdRng::seed_from_u64(seed);
        Client { world, index, rng, connection, is_native: true, expected, last: Default::default() }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) -> Tally {
        let mut is_paused = false;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    // Of others that have failed.
                    None => return self.expected.tally,
                    Some(Order::Finish) => return self.finish().await,
                    Some(Order::Pause) => is_paused = true,
                    Some(order) => {
                        is_paused = false;
                        self.obey(order).await;
                    }
                },
                received = self.connection.next(), if !is_paused => self.take(received).await,
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        let all = [&OPEN[..], &RESTRICTED].concat();
        let rng = &mut self.rng;
        // Half of the clients keep rights that end until they have ended.
        let is_patient = self.index % 2 == 1 && self.expected.has_rights_that_end();
        let asked = match order {
            Order::Reconnect | Order::Authenticate if is_patient => Asked::Ping,
            Order::Reconnect => {
                let visit = Visit {
                    way: Way::random(rng),
                    channels: some_of(&all, rng, 2),
                    everybody: rng.random(),
                    token: rng.random_bool(0.6).then(|| Token::random_login(rng, self.index)),
                };
                return self.reconnect(visit).await;
            }
            Order::OutliveRights(done) => {
                self.outlive_rights().await;
                return drop(done);
            }
            Order::Subscribe => {
                let token = rng.random_bool(0.1).then(|| Token::random_login(rng, self.index));
                Asked::Subscribe { names: some_of(&all, rng, 3), token }
            }
            Order::SubscribeByToken => {
                let name = RESTRICTED[rng.random_range(0..RESTRICTED.len())];
                let mut names = some_of(if rng.random_bool(0.1) { &RESTRICTED } else { &OPEN[..1] }, rng, 1);
                names.retain(|other| *other != name);
                names.push(name);
                Asked::Subscribe { names, token: Some(Token::random_for(name, rng, self.index)) }
            }
            Order::Unsubscribe => Asked::Unsubscribe { names: some_of(&all, rng, 4) },
            Order::Authenticate => {
                let token = match rng.random_range(0..20) {
                    0 => Token::random_for("private-a", rng, self.index),
                    _ => Token::random_login(rng, self.index),
                };
                Asked::Authenticate { token, everybody: [None, None, Some(false), Some(true)][rng.random_range(0..4)] }
            }
            Order::Ping | Order::Pause | Order::Finish => Asked::Ping,
        };
        self.ask(asked).await;
    }

    async fn ask(&mut self, asked: Asked) {
        let asked = match asked {
            // A command that names no channel is none.
            Asked::Subscribe { names, .. } | Asked::Unsubscribe { names } if names.is_empty() => Asked::Ping,
            asked => asked,
        };
        if self.is_native {
            let command = self.expected.ask(asked).to_string();
            self.connection.send(command).await;
        }
    }

    async fn outlive_rights(&mut self) {
        let login = Token::random_login(&mut self.rng, self.index);
        let token = match self.index % 4 {
            0 => {
                self.reconnect(anonymous(&self.world)).await;
                let names = vec!["a", "private-a"];
                self.ask(Asked::Subscribe { names, token: Some(Token::soon_over("private-a")) }).await;
                None
            }
            1 => Some(login.ending_after(4)),
            2 => Some(login.ending_after(WARNED)),
            // It has what it has.
            _ => None,
        };
        if token.is_some() {
            let way = Way::random(&mut self.rng);
            self.reconnect(Visit { way, token, ..Visit::default() }).await;
        }
        within("a right ends, or a client is warned", async {
            while self.expected.has_rights_that_end() || self.expected.lacks_answers() {
                let received = self.connection.next().await;
                self.take(received).await;
            }
        })
        .await;
    }

    async fn finish(&mut self) -> Tally {
        self.ask(Asked::Ping).await;
        let last = self.world.log().len() as u64;
        // A pong shows that nothing comes that is not for the client.
        while self.expected.lacks_events(last) || self.expected.lacks_answers() {
            let received = within("what is due arrives", self.connection.next()).await;
            self.take(received).await;
        }
        self.expected.tally
    }

    async fn take(&mut self, received: Received) {
        match received {
            Received::Message(message) => {
                self.last.swap(0, 1);
                self.last[1] = message.to_string().chars().take(200).collect();
                self.expected.take(&message);
            }
            Received::Closed(code) => self.expected.closed(code),
            Received::Other => {}
            Received::End => self.reconnect(anonymous(&self.world)).await,
        }
    }

    async fn reconnect(&mut self, mut visit: Visit) {
        let mut tally = self.expected.tally;
        let (names, mut connection) = loop {
            let at = SystemTime::now();
            let opened = Connection::open(&self.world, &visit).await;
            let token = visit.token.as_ref();
            let ends = token.map(|token| token.ends).filter(|end| at < *end && *end <= SystemTime::now());
            let admit = |at| self.world.rules.admit(token, &visit.channels, visit.everybody, at);
            let outcomes: Vec<_> = std::iter::once(at).chain(ends).map(admit).collect();
            match opened {
                Ok(connection) => {
                    break (outcomes.into_iter().find_map(Result::ok).expect("a refusal"), connection);
                }
                Err(status) => assert!(outcomes.contains(&Err(status)), "{status} instead of one of {outcomes:?}"),
            }
            tally.refused += 1;
            visit = anonymous(&self.world);
        };
        let welcome = connection.welcome(&names).await;
        (self.connection, self.is_native) = (connection, visit.way == Way::Native);
        self.expected = Expected::new(self.world.clone(), tally);
        self.expected.is_warned = !visit.way.is_warned();
        let id = self.expected.welcomed(&welcome, visit.token, &names, visit.everybody);
        self.world.set_id(self.index, if id == NAMELESS { String::new() } else { id });
    }
}

impl Drop for Client {
    #[allow(clippy::print_stdout, reason = "shown with a failed test only")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("client {}, after {:?}", self.index, self.last);
        }
    }
}

/// One that may be connected in any case, natively.
fn anonymous(world: &World) -> Visit {
    Visit { everybody: world.rules.gets_everybody(None, true), ..Visit::default() }
}
