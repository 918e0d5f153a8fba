//! Nobody gets what is not for it, and every client all that is: clients that subscribe, leave, log in, lose their
//! rights, come back and read slowly at random, held against a simple model.

mod asked;
mod client;
mod connection;
mod expected;
mod messages;
mod rights;
mod tally;
mod world;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use server::config::Settings;
use server::token::Secret;
use testkit::within;
use tokio::sync::{mpsc, oneshot};

use self::client::{Client, Order};
use self::rights::{OPEN, RESTRICTED, Rules};
use self::tally::Tally;
use self::world::World;
use crate::rights::signing::SECRET;
use crate::util::TestServer;

/// Steps of one run, unless `ISOLATION_STEPS` says otherwise.
const STEPS: usize = 2_000;
const CLIENTS: usize = 6;
/// What is public, one server after the other. Where that is not all, events for everybody need a right too.
const PUBLIC: [&[&str]; 2] = [&["*"], &["a*", "b", "A", "orders.*"]];

/// One run. Returns how often each rule was applied.
async fn play(seed: u64, hub_threads: usize, steps: usize) -> Tally {
    let mut rng = StdRng::seed_from_u64(seed);
    let rules = Rules { public: PUBLIC[hub_threads % 2] };
    let settings = Settings {
        hub_threads: Some(hub_threads),
        max_outbox_bytes: Some(256 * 1024),
        max_messages_per_sec: Some(0),
        max_channels_per_client: Some(100_000),
        token_secret: Some(vec![Secret::new(SECRET)]),
        public_channels: Some(rules.public.iter().map(|pattern| pattern.parse().unwrap()).collect()),
        ..Settings::default()
    };
    let server = TestServer::with(settings);
    let world = Arc::new(World::new(server.address, server.hub.clone(), rules, CLIENTS));
    let (mut clients, mut running) = (Vec::new(), Vec::new());
    for index in 0..CLIENTS {
        let client = Client::connect(world.clone(), index, rng.random()).await;
        let (orders, received) = mpsc::channel(8);
        clients.push(orders);
        running.push(tokio::spawn(client.run(received)));
    }
    for step in 0..steps {
        let order = match rng.random_range(0..100) {
            0..3 => Order::Subscribe,
            3..5 => Order::SubscribeByToken,
            5..8 => Order::Unsubscribe,
            8..14 => Order::Authenticate,
            14 => Order::Ping,
            15 if step % 2 == 0 => Order::Reconnect,
            16 => Order::Pause,
            _ => {
                world.publish_something(&mut rng);
                if step % 64 == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
        };
        // One that has failed says so at the end.
        let _ = clients[rng.random_range(0..CLIENTS)].send(order).await;
    }
    let outlive_rights = clients.iter().map(async |orders: &mpsc::Sender<Order>| {
        let (done, outlived) = oneshot::channel();
        let _ = orders.send(Order::OutliveRights(done)).await;
        let _ = outlived.await;
    });
    let mut all_have = join_all(outlive_rights);
    let mut pause = tokio::time::interval(Duration::from_millis(2));
    loop {
        tokio::select! {
            _ = &mut all_have => break,
            _ = pause.tick() => world.publish_something(&mut rng),
        }
    }
    // Something for each that it can wait for.
    OPEN.iter().chain(&RESTRICTED).for_each(|name| world.publish(Some(vec![*name]), None, 0));
    world.publish(None, None, 0);
    let mut sum = Tally::default();
    for (orders, running) in clients.iter().zip(running) {
        let _ = orders.send(Order::Finish).await;
        sum = sum.and(within("a client has all that is for it", running).await.expect("the model holds"));
    }
    server.stopped().await;
    sum
}

/// Plays, until everything that can happen has happened.
const MAX_ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_receives_what_the_model_says_once_and_in_order() {
    let steps = std::env::var("ISOLATION_STEPS").ok().map_or(STEPS, |steps| steps.parse().expect("a number"));
    let seed: u64 =
        std::env::var("ISOLATION_SEED").ok().map_or_else(rand::random, |seed| seed.parse().expect("a number"));
    println!("seed {seed}");
    let mut sum = Tally::default();
    // What is rare may be missing in a play: another one follows then.
    for round in 0..MAX_ROUNDS {
        // Side by side: each waits for the ends of rights.
        let runs: Vec<_> = (1..=4)
            .map(|hub_threads| tokio::spawn(play(seed ^ (4 * round + hub_threads) as u64, hub_threads, steps / 4)))
            .collect();
        for run in runs {
            let tally = run.await.expect("the model holds");
            assert!(tally.events > steps / 16, "too little was received: {tally:?}");
            sum = sum.and(tally);
        }
        println!("{sum:?}");
        let Tally { events: _, refused, uncovered, ended, warned, closed } = sum;
        if [refused, uncovered, ended, warned, closed].iter().all(|count| *count > 0) {
            return;
        }
    }
    panic!("something never happened: {sum:?}");
}
