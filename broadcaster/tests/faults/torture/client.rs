//! A client that goes and comes back at random.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use testkit::TIMEOUT;

use crate::support::Random;
use crate::torture::connection::{Connection, Request};
use crate::torture::message::{ALL, Arrival, CHANNELS, Id, Message};
use crate::torture::order::Audience;
use crate::torture::play::{Kind, Play, Progress};
use crate::torture::producers::now_millis;
use crate::torture::record::{After, QUESTIONS, Step};

pub(crate) struct TortureClient<'a> {
    pub(crate) kind: Kind,
    pub(crate) audiences: [Audience; QUESTIONS],
    pub(crate) steps: Vec<Step>,
    play: &'a Play,
    random: Random,
    /// Shown to others, by the one that gets everything.
    progress: Option<&'a Progress>,
    /// Where it is, for each question.
    positions: [Option<Id>; QUESTIONS],
    /// Earlier positions to which it can go back.
    earlier: Vec<Id>,
    /// When it read the data of its page, if it names that.
    moment: Option<u64>,
    /// Whether types of events are named in its stream.
    is_named: bool,
    /// When it has connected.
    connected: u64,
    /// Whether its second question was answered on this connection.
    is_second_answered: bool,
    /// Whether a plain client got the last event.
    has_last: bool,
}

impl<'a> TortureClient<'a> {
    /// One of a kind, for channels of its own choice.
    pub(crate) fn new(kind: Kind, play: &'a Play, seed: u64) -> TortureClient<'a> {
        let mut random = Random::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // The first numbers of similar seeds are similar.
        for _ in 0..10 {
            random.below(2);
        }
        let mut audiences = [Audience::default(), Audience::default()];
        audiences[0].everybody = matches!(kind, Kind::Plain | Kind::Native) || random.below(4) > 0;
        if kind != Kind::Plain {
            let by_command = if kind == Kind::Native { 2 } else { 1 };
            for channel in 0..ALL {
                if random.below(2) == 0 {
                    audiences[random.below(by_command)].channels.push(channel);
                }
            }
            for audience in &mut audiences[..by_command] {
                if audience.channels.is_empty() {
                    audience.channels.push(ALL);
                    break;
                }
            }
        }
        TortureClient::with(kind, play, random, audiences)
    }

    /// The one that gets everything.
    pub(crate) fn of_all(play: &'a Play, progress: &'a Progress, seed: u64) -> TortureClient<'a> {
        let audiences = [Audience { everybody: true, channels: vec![ALL] }, Audience::default()];
        let mut client = TortureClient::with(Kind::ByUrl, play, Random::with_seed(seed), audiences);
        client.progress = Some(progress);
        client
    }

    fn with(kind: Kind, play: &'a Play, mut random: Random, audiences: [Audience; QUESTIONS]) -> TortureClient<'a> {
        TortureClient {
            kind,
            audiences,
            steps: Vec::new(),
            play,
            progress: None,
            positions: [None; QUESTIONS],
            earlier: Vec::new(),
            moment: None,
            is_named: random.below(2) == 0,
            random,
            connected: 0,
            is_second_answered: false,
            has_last: false,
        }
    }

    /// Comes and goes until it has everything.
    pub(crate) fn run(mut self) -> TortureClient<'a> {
        let mut deadline = None;
        while !self.has_finished() && !self.play.is_over.load(Ordering::SeqCst) {
            if self.play.ending.get().is_some() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + TIMEOUT);
                assert!(Instant::now() < deadline, "{:?} has not got everything in time", self.kind);
            }
            self.be_away();
            self.visit();
        }
        self
    }

    fn has_finished(&self) -> bool {
        if self.kind == Kind::Plain {
            // What was sent before it connected does not come again.
            return self.has_last || self.play.ending.get().is_some_and(|ending| self.connected >= *ending);
        }
        let Some(end) = self.play.end.get() else { return false };
        let is_at_end = |position: Option<Id>| position.is_some_and(|id| id.has_reached(*end));
        let is_second_at_end = self.audiences[1].channels.is_empty() || is_at_end(self.positions[1]);
        is_at_end(self.positions[0]) && is_second_at_end
    }

    /// Often short, now and then longer than some channels keep their events.
    fn be_away(&mut self) {
        let most = if self.random.below(8) == 0 { 2500 } else { 300 };
        let most = if self.progress.is_some() { 200 } else { most };
        if self.kind != Kind::Plain && self.progress.is_none() {
            self.turn_back();
        }
        std::thread::sleep(Duration::from_millis(self.random.below(most) as u64));
    }

    /// Sometimes it is a new page, or goes on from an earlier state.
    fn turn_back(&mut self) {
        match self.random.below(12) {
            0 | 1 => {
                self.steps.push(Step::Opened);
                self.positions = [None; QUESTIONS];
                self.earlier.clear();
                self.moment = Some(now_millis());
            }
            2 | 3 if self.kind != Kind::Native && !self.earlier.is_empty() => {
                let index = self.random.below(self.earlier.len());
                self.earlier.truncate(index + 1);
                self.positions[0] = Some(self.earlier[index]);
            }
            _ => {}
        }
    }

    /// What it names for a question.
    fn after(&self, question: usize) -> Option<After> {
        self.positions[question].map(After::Id).or(self.moment.map(After::Moment))
    }

    fn request(&mut self) -> Request {
        let mut request = Request {
            is_stream: self.kind == Kind::Stream,
            is_native: self.kind == Kind::Native,
            ..Request::default()
        };
        let mut parameters = Vec::new();
        parameters.extend(self.audiences[0].channels.iter().map(|channel| format!("channel={}", CHANNELS[*channel])));
        if !self.audiences[0].everybody {
            parameters.push("everybody=0".to_owned());
        }
        if request.is_stream && self.is_named {
            parameters.push("named=1".to_owned());
        }
        let after = self.after(0).filter(|_| self.kind != Kind::Plain);
        request.has_asked = after.is_some();
        match after {
            Some(After::Id(id)) if request.is_stream => {
                request.last_event_id = Some(id.text());
                // The URL of an EventSource never changes.
                parameters.extend(self.moment.map(|moment| format!("after=t.{moment}")));
            }
            Some(After::Id(id)) => parameters.push(format!("after={}", id.text())),
            Some(After::Moment(moment)) => parameters.push(format!("after=t.{moment}")),
            None => {}
        }
        request.target = format!("/?{}", parameters.join("&"));
        request
    }

    /// Connects, reads for some time, and goes, mostly in the middle of something.
    fn visit(&mut self) {
        let request = self.request();
        let asked = [self.after(0), self.after(1)];
        let address = self.play.addresses[self.random.below(self.play.addresses.len())];
        let Some(mut connection) = Connection::open(address, &request) else { return };
        self.connected = now_millis();
        self.is_second_answered = false;
        self.steps.push(Step::Connected(self.connected));
        let most = if self.random.below(4) == 0 { 3000 } else { 500 };
        let leaves = Instant::now() + Duration::from_millis(self.random.below(most) as u64);
        let mut asks_at = Instant::now() + Duration::from_millis(self.random.below(100) as u64);
        let (mut is_welcome, mut has_asked, mut messages) = (false, self.audiences[1].channels.is_empty(), Vec::new());
        loop {
            let is_open = connection.receive(Duration::from_millis(10), &mut messages);
            for message in messages.drain(..) {
                is_welcome |= matches!(message, Message::Welcome { .. });
                self.take(message, asked);
            }
            let now = Instant::now();
            if !has_asked && is_welcome && now > asks_at {
                connection.send(&self.command(asked[1]));
                has_asked = true;
                asks_at = now;
            }
            let is_over = self.play.is_over.load(Ordering::SeqCst);
            let leaves = now > leaves && self.play.ending.get().is_none();
            if !is_open || leaves || is_over || self.has_finished() {
                break;
            }
        }
        self.steps.push(Step::Left);
    }

    fn command(&self, after: Option<After>) -> String {
        let names: Vec<&str> = self.audiences[1].channels.iter().map(|channel| CHANNELS[*channel]).collect();
        let after = match after {
            None => String::new(),
            Some(After::Id(id)) => format!(r#","after":"{}""#, id.text()),
            Some(After::Moment(moment)) => format!(r#","after":"t.{moment}""#),
        };
        format!(r#"{{"type":"subscribe","channels":["{}"]{after}}}"#, names.join(r#"",""#))
    }

    fn take(&mut self, message: Message, asked: [Option<After>; QUESTIONS]) {
        match message {
            Message::Welcome { recovered, id } => {
                if recovered != Some(true) || !matches!(asked[0], Some(After::Id(_))) {
                    self.earlier.clear();
                }
                self.answered(0, asked[0], recovered, id, Vec::new());
            }
            Message::Subscribed { recovered, id, events } => {
                self.is_second_answered = true;
                self.answered(1, asked[1], recovered, id, events);
            }
            Message::Heartbeat(id) => {
                self.steps.push(Step::Told(id));
                self.moves_to(id);
            }
            Message::Gap(id) => {
                self.steps.push(Step::Gap(id));
                self.earlier.clear();
                self.moves_to(id);
            }
            Message::Event(arrival) => {
                if let (Some(id), Some(_), Some(last)) = (arrival.id, self.progress, self.positions[0]) {
                    assert_eq!(id.number, last.number + 1, "{arrival:?} comes after {}", last.text());
                }
                self.steps.push(Step::Got(arrival));
                self.has_last |= arrival.event == self.play.last;
                if let Some(progress) = self.progress {
                    progress.adds_event();
                }
                if let Some(id) = arrival.id {
                    self.moves_to(id);
                }
            }
        }
    }

    fn answered(
        &mut self,
        question: usize,
        after: Option<After>,
        recovered: Option<bool>,
        id: Id,
        missed: Vec<Arrival>,
    ) {
        self.steps.push(Step::Answered { question, after, recovered, id, missed });
        self.moves_to(id);
    }

    /// The position of a question is the id of the last message since it was answered on this connection.
    fn moves_to(&mut self, id: Id) {
        self.positions[0] = Some(id);
        if self.is_second_answered {
            self.positions[1] = Some(id);
        }
        self.earlier.push(id);
        if self.earlier.len() > 100 {
            self.earlier.drain(..50);
        }
        if let Some(progress) = self.progress {
            progress.moves_to(id);
        }
    }
}
