//! What must hold under attack: conditions, not times. How long things take is for `measure`.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Broadcaster, HANDSHAKE, QueueDir, TIMEOUT, payload_of, until};

use crate::attack::attackers::Attackers;
use crate::attack::good_clients::{GoodClients, Pace};
use crate::attack::kind::{Kind, Script};
use crate::support::frames::{CLOSE, Incoming, PING, PONG_FRAME, TEXT, close_code, frame};
use crate::support::{Client, broadcaster, connect_with_small_buffer, may_open, shake_hands};

/// All clients share one thread with the attackers.
const ONE_THREAD: [&str; 2] = ["--hub-threads", "1"];

#[test]
fn a_message_of_endless_empty_fragments_is_refused_and_holds_up_nobody() {
    endless_fragments(Kind::EmptyFragments);
}

#[test]
fn messages_of_one_byte_fragments_are_refused_and_hold_up_nobody() {
    endless_fragments(Kind::OneByteFragments);
}

fn endless_fragments(kind: Kind) {
    let queue = QueueDir::new();
    // As fast as they can: without the limits for a second.
    let flags = [&ONE_THREAD[..], &["--max-messages-per-sec", "0", "--max-bytes-per-sec", "0"]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut good = Client::of(&broadcaster);
    let script = Script { comes_back: false, ..kind.script() };
    let mut attackers = Attackers::start_script(broadcaster.address(), script, 1);
    until("the attack is on", || attackers.bytes() > 100_000);
    queue.enqueue(1);
    assert_eq!(good.payload(), "1");
    until("the attacker is sent away", || !attackers.closes().is_empty());
    let closes = attackers.closes();
    assert!(closes == BTreeMap::from([(1008, 1)]) || closes == BTreeMap::from([(1009, 1)]), "{closes:?}");
    until("the log says so", || !broadcaster.log_lines("WARN").is_empty());
    let warnings = broadcaster.log_lines("WARN");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");

    // The same by many that come back: nobody waits, and the log does not fill.
    attackers.stop();
    let (begin, before) = (Instant::now(), warnings.len());
    let attackers = Attackers::start(broadcaster.address(), kind, 20);
    let refused = || attackers.closes().values().sum::<usize>();
    for number in 2..12 {
        until("more are sent away", || refused() >= number * 10);
        queue.enqueue(number);
        assert_eq!(good.payload(), number.to_string());
    }
    let warnings = broadcaster.log_lines("WARN").len() - before;
    assert!(warnings as u64 <= 1 + begin.elapsed().as_secs(), "more than one a second: {warnings}");
    drop(attackers);
    drop(good);
    broadcaster.stop();
}

#[test]
fn pings_whose_answers_are_not_read_do_not_fill_the_memory() {
    const ATTACKERS: usize = 150;
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut good = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(good.payload(), "1");
    let at_start = broadcaster.memory_kb("VmRSS");
    let at_most = at_start + 64 * 1024;

    let Script { opening, round, .. } = Kind::BigPings.script();
    let pings = round.repeat(3_000_000 / round.len());
    let script =
        Script { opening: [opening, pings].concat(), round: Vec::new(), comes_back: false, ..Kind::BigPings.script() };
    let mut attackers = Attackers::start_script(broadcaster.address(), script, ATTACKERS);
    until("the attack is on", || attackers.bytes() > 1_000_000);
    // What was sent may wait in the kernel.
    await_rest(&broadcaster);
    let peak = broadcaster.memory_kb("VmHWM");
    assert!(peak < at_most, "{peak} kB, {at_start} kB at the start");
    attackers.stop();
    let given_back = at_start + 16 * 1024;
    until("memory is given back", || broadcaster.memory_kb("VmRSS") < given_back);
    queue.enqueue(2);
    assert_eq!(good.payload(), "2");
    drop(good);
    broadcaster.stop();
}

#[test]
fn half_messages_of_many_clients_have_a_bound_together() {
    half_messages(Kind::HalfFrames);
}

#[test]
fn fragments_of_many_clients_have_a_bound_together() {
    half_messages(Kind::HalfMessages);
}

fn half_messages(kind: Kind) {
    const ATTACKERS: usize = 2000;
    const MAX_MEMORY: usize = 33_554_432;
    if !may_open(ATTACKERS as u64 + 500) {
        return;
    }
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--max-memory", &MAX_MEMORY.to_string()]);
    let mut good: Vec<_> = (0..10).map(|_| Client::of(&broadcaster)).collect();
    let at_start = broadcaster.memory_kb("VmRSS");
    let script = Script { comes_back: false, ..kind.script() };
    // What all but those that fit have to be.
    let closed = ATTACKERS - MAX_MEMORY / 64_000;
    let mut attackers = Attackers::start_script(broadcaster.address(), script, ATTACKERS);
    until("the largest are sent away", || attackers.closes().values().sum::<usize>() >= closed);
    assert_eq!(attackers.closes().into_keys().collect::<Vec<u16>>(), [1013]);
    let peak = broadcaster.memory_kb("VmHWM");
    // As much again for what each client costs by itself and for what the allocator cannot join.
    assert!(peak < at_start + 2 * MAX_MEMORY as u64 / 1024, "{peak} kB, {at_start} kB at the start");
    queue.enqueue(1);
    good.iter_mut().for_each(|good| assert_eq!(good.payload(), "1"));
    attackers.stop();
    queue.enqueue(2);
    good.iter_mut().for_each(|good| assert_eq!(good.payload(), "2"));
    drop(good);
    broadcaster.stop();
}

#[test]
fn those_that_are_sent_away_already_go_before_clients_that_hold_more_than_them() {
    const ATTACKERS: usize = 300;
    let queue = QueueDir::new();
    // What one that is sent away has half of is kept for it alone: together more than there may be.
    let flags = ["--max-memory", "2000000", "--slow-client-timeout-secs", "2"];
    let mut broadcaster = broadcaster::with(&queue.path(), &[&ONE_THREAD[..], &flags].concat());
    let mut good: Vec<Raw> = (0..10).map(|_| Raw::connect(&broadcaster)).collect();
    // The first of several fragments. Pongs may come in between.
    let half = frame(0x01, &[b'a'; 50_000]);
    good.iter_mut().for_each(|good| good.stream.write_all(&half).unwrap());
    let script = Script { round: Vec::new(), comes_back: false, ..Kind::BigPings.script() };
    let descriptors = broadcaster.descriptors();
    let mut attackers = Attackers::start_script(broadcaster.address(), script, ATTACKERS);
    broadcaster.await_descriptors(descriptors + ATTACKERS);
    let big = "x".repeat(60_000);
    let mut events = 0;
    until("the attackers are sent away", || {
        queue.enqueue(format!("\"{events}{big}\""));
        let text = format!(r#"{{"event":"test","payload":"{events}x"#);
        good.iter_mut().for_each(|good| assert!(good.read_until(TEXT).starts_with(text.as_bytes())));
        events += 1;
        broadcaster.descriptors() == descriptors
    });
    attackers.stop();
    drop(good);
    broadcaster.stop();
}

#[test]
fn clients_that_fall_out_of_large_messages_at_once_have_a_bound_together() {
    const ATTACKERS: usize = 300;
    const MAX_MEMORY: usize = 33_554_432;
    const LOG: usize = 4_000_000;
    let queue = QueueDir::in_memory();
    let (max_memory, log) = (MAX_MEMORY.to_string(), LOG.to_string());
    let flags =
        [&ONE_THREAD[..], &["--max-memory", &max_memory, "--log-bytes", &log, "--history-bytes", &log]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut good = Raw::connect(&broadcaster);
    let (at_start, descriptors) = (broadcaster.memory_kb("VmRSS"), broadcaster.descriptors());
    let script = Script { round: Vec::new(), comes_back: false, ..Kind::BigPings.script() };
    let mut attackers = Attackers::start_script(broadcaster.address(), script, ATTACKERS);
    broadcaster.await_descriptors(descriptors + ATTACKERS);
    // None of them has read the first when the log holds no more.
    let big = "x".repeat(1_000_000);
    let mut events = 0;
    until("the attackers are sent away", || {
        queue.enqueue(format!("\"{events}{big}\""));
        while !good.read_until(TEXT).starts_with(format!(r#"{{"event":"test","payload":"{events}x"#).as_bytes()) {}
        events += 1;
        broadcaster.descriptors() == descriptors
    });
    let peak = broadcaster.memory_kb("VmHWM");
    // As much again for what the allocator cannot join, the log with what is on its way to it, and history.
    let most = at_start + (2 * MAX_MEMORY + 5 * LOG) as u64 / 1024;
    assert!(peak < most, "{peak} kB, {at_start} kB at the start");
    attackers.stop();
    drop(good);
    broadcaster.stop();
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_up_small_events_either() {
    const EVENTS: usize = 80_000;
    let queue = QueueDir::in_memory();
    // It is not sent away meanwhile.
    let flags = [&ONE_THREAD[..], &["--slow-client-timeout-secs", "600", "--ping-interval-secs", "600"]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut good = Client::of(&broadcaster);
    let descriptors = broadcaster.descriptors();
    let script = Script { round: Vec::new(), comes_back: false, ..Kind::BigPings.script() };
    let attacker = Attackers::start_script(broadcaster.address(), script, 1);
    broadcaster.await_descriptors(descriptors + 1);
    // More than the kernel takes for one that does not read.
    let big = format!("\"{}\"", "x".repeat(900_000));
    for _ in 0..5 {
        queue.enqueue(&big);
        assert_eq!(good.payload(), big);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| (0..EVENTS).for_each(|number| drop(queue.enqueue(number))));
        (0..EVENTS).for_each(|number| assert_eq!(good.payload(), number.to_string()));
    });
    drop(attacker);
    drop(good);
    broadcaster.stop();
}

#[test]
fn slow_readers_cost_good_clients_no_event_and_no_connection() {
    let queue = QueueDir::in_memory();
    // A small log, so that the slow ones are behind soon.
    let flags = [&ONE_THREAD[..], &["--log-bytes", "2200000", "--slow-client-timeout-secs", "2"]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let good_clients = GoodClients::start(broadcaster.address(), 10, queue.path(), Pace::STREAM);
    let attackers = [20_000, 200_000].map(|bytes| Attackers::start(broadcaster.address(), Kind::SlowReaders(bytes), 5));
    until("slow ones are sent away and come back", || attackers[1].connects() > 10);
    good_clients.settle();
    assert!(good_clients.lost().is_empty(), "{:?}", good_clients.lost());
    drop(good_clients);
    drop(attackers);
    broadcaster.stop();
}

#[test]
fn readers_that_are_slower_than_a_moderate_stream_do_not_hold_it_up_although_they_are_most_clients() {
    const SLOW: usize = 10;
    let queue = QueueDir::in_memory();
    // A quarter of the log comes each second: no more than what waits for nobody.
    let mut broadcaster = broadcaster::with(&queue.path(), &["--log-bytes", "8000000"]);
    let stream = Pace { events_per_sec: 100, event_bytes: 18_000 };
    let good_clients = GoodClients::start(broadcaster.address(), 3, queue.path(), stream);
    // Fast enough to count as readers. If the stream waited for them, none would ever fall out of the log.
    let attackers = Attackers::start(broadcaster.address(), Kind::SlowReaders(1_000_000), SLOW);
    until("one is sent away and comes back", || attackers.connects() > SLOW);
    good_clients.settle();
    assert!(good_clients.lost().is_empty(), "{:?}", good_clients.lost());
    drop(good_clients);
    drop(attackers);
    broadcaster.stop();
}

/// Waits until the broadcaster has done what it can do.
fn await_rest(broadcaster: &Broadcaster) {
    let mut ticks = broadcaster.cpu_ticks();
    until("it has nothing to do", || {
        std::thread::sleep(Duration::from_millis(300));
        let before = std::mem::replace(&mut ticks, broadcaster.cpu_ticks());
        ticks < before + 3
    });
}

/// A good client that is read by the test itself.
struct Raw {
    stream: TcpStream,
    incoming: Incoming,
}

impl Raw {
    fn connect(broadcaster: &Broadcaster) -> Raw {
        Raw { stream: shake_hands(broadcaster.address()), incoming: Incoming::new(true) }
    }

    fn answer(&mut self) {
        self.stream.write_all(&PONG_FRAME).unwrap();
    }

    /// Reads until a frame of the kind comes, answers pings on the way, and returns the frame's payload: of several
    /// that come at once, the last.
    fn read_until(&mut self, wanted: u8) -> Vec<u8> {
        loop {
            let (found, read) = self.read(wanted);
            assert!(read.expect("something comes") > 0, "the connection has ended");
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Reads once, and answers the pings that are not wanted.
    fn read(&mut self, wanted: u8) -> (Option<Vec<u8>>, io::Result<usize>) {
        let (mut found, mut pings) = (None, 0);
        let read = self.incoming.read(&mut self.stream, usize::MAX, |opcode, payload| match opcode {
            _ if opcode == wanted => found = Some(payload.to_vec()),
            PING => pings += 1,
            CLOSE => panic!("closed with {}", close_code(payload)),
            _ => {}
        });
        (0..pings).for_each(|_| self.answer());
        (found, read)
    }

    /// Reads what is on its way, until nothing more comes, and returns how many events that were.
    fn drain(&mut self) -> usize {
        self.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut events = 0;
        loop {
            match self.read(TEXT) {
                (event, Ok(read)) => {
                    assert!(read > 0, "the connection has ended");
                    events += usize::from(event.is_some());
                }
                (_, Err(error)) if error.kind() == ErrorKind::WouldBlock => break,
                (_, Err(error)) => panic!("{error}"),
            }
        }
        self.stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        events
    }

    fn await_event(&mut self, payload: &str) {
        let text = String::from_utf8(self.read_until(TEXT)).unwrap();
        assert_eq!(payload_of(&text), payload);
    }
}

#[test]
fn a_process_that_stood_still_reads_the_answers_to_its_pings_before_it_judges() {
    if !may_open(1000) {
        return;
    }
    let queue = QueueDir::new();
    let flags = ["--ping-interval-secs", "0.5", "--pong-timeout-secs", "3"];
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut clients: Vec<Raw> = (0..400).map(|_| Raw::connect(&broadcaster)).collect();
    // Where the signal meets it is chance.
    for round in 0..2 {
        for client in &mut clients {
            client.read_until(PING);
        }
        broadcaster.signal(Signal::STOP);
        clients.iter_mut().for_each(Raw::answer);
        // It is the standing still that is tested, for longer than clients may take.
        std::thread::sleep(Duration::from_secs(4));
        broadcaster.signal(Signal::CONT);
        for client in &mut clients {
            client.read_until(PING);
            client.answer();
        }
        queue.enqueue(round);
        clients.iter_mut().for_each(|client| client.await_event(&round.to_string()));
    }
    drop(clients);
    broadcaster.stop();
}

#[test]
fn a_process_that_stood_still_does_not_take_clients_that_read_meanwhile_for_slow() {
    let queue = QueueDir::new();
    const EVENTS: usize = 6;
    let timeout = 2.0;
    let mut broadcaster = broadcaster::with(&queue.path(), &["--slow-client-timeout-secs", &timeout.to_string()]);
    let mut clients: Vec<Raw> = (0..10).map(|_| Raw::connect(&broadcaster)).collect();
    // More than the kernel takes for a client that does not read, and less than the log holds.
    let big = format!("\"{}\"", "x".repeat(1_000_000));
    (0..EVENTS).for_each(|_| drop(queue.enqueue(&big)));
    for client in &clients {
        client.stream.peek(&mut [0]).unwrap();
    }
    // It waits for room in their sockets.
    await_rest(&broadcaster);
    broadcaster.signal(Signal::STOP);
    let stopped = Instant::now();
    for client in &mut clients {
        assert!(client.drain() < EVENTS, "it got all before the broadcaster stood still");
    }
    std::thread::sleep(Duration::from_secs_f64(2.0 * timeout).saturating_sub(stopped.elapsed()));
    broadcaster.signal(Signal::CONT);
    queue.enqueue("\"last\"");
    // At the same time, so that none is slow.
    std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| while !client.read_until(TEXT).starts_with(br#"{"event":"test","payload":"last""#) {});
        }
    });
    drop(clients);
    broadcaster.stop();
}

#[test]
fn a_client_that_talks_to_a_server_with_nothing_to_say_gets_pings() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--ping-interval-secs", "0.5"]);
    let mut talker = Raw::connect(&broadcaster);
    talker.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut pings = 0;
    until("pings come", || {
        talker.stream.write_all(&frame(0x81, b"a")).unwrap();
        match talker.read(PING) {
            (ping, Ok(read)) => {
                assert!(read > 0, "the connection has ended");
                pings += usize::from(ping.is_some());
            }
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        pings >= 3
    });
    drop(talker);
    broadcaster.stop();
}

#[test]
fn clients_that_are_slow_with_one_large_message_have_a_bound_together() {
    for target in ["/", "/?channel=a"] {
        slow_at_once(target);
    }
}

/// Clients that stop reading in the middle of the same large message, and are all disconnected at the same time.
fn slow_at_once(target: &str) {
    const ATTACKERS: usize = 600;
    const MAX_MEMORY: usize = 33_554_432;
    if !may_open(ATTACKERS as u64 + 500) {
        return;
    }
    let queue = QueueDir::in_memory();
    let max_memory = MAX_MEMORY.to_string();
    let flags = [&ONE_THREAD[..], &["--max-memory", &max_memory, "--slow-client-timeout-secs", "1"]].concat();
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut good = Client::of(&broadcaster);
    let descriptors = broadcaster.descriptors();
    let attackers: Vec<TcpStream> = (0..ATTACKERS)
        .map(|_| {
            let mut attacker = connect_with_small_buffer(broadcaster.address()).unwrap();
            attacker.write_all(HANDSHAKE.replacen('/', target, 1).as_bytes()).unwrap();
            attacker
        })
        .collect();
    broadcaster.await_descriptors(descriptors + ATTACKERS);
    let at_start = broadcaster.memory_kb("VmRSS");
    // More than what a socket takes.
    for _ in 0..8 {
        queue.enqueue(format!("\"{}\"", "x".repeat(1_000_000)));
        assert_eq!(good.payload().len(), 1_000_002);
    }
    until("the attackers are disconnected", || broadcaster.descriptors() == descriptors);
    let peak = broadcaster.memory_kb("VmHWM");
    assert!(peak < at_start + 2 * MAX_MEMORY as u64 / 1024, "{target}: {peak} kB, {at_start} kB before");
    queue.enqueue(2);
    assert_eq!(good.payload(), "2");
    drop((attackers, good));
    broadcaster.stop();
}
