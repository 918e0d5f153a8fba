//! What one client is to get: its channels and rights as the messages of its stream say, each of which is checked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::asked::{Asked, Pending};
use super::rights::Token;
use super::tally::Tally;
use super::world::{Published, World};

/// How long before its end a client is told that its token ends.
pub(super) const WARNING: Duration = Duration::from_secs(30);
/// What ends within this time is waited for at the end of a run.
const SOON: Duration = Duration::from_secs(2);

/// A subscription.
pub(super) struct Held {
    /// It gets what comes after this.
    pub(super) began: u64,
    /// When it ends, if it is by a token of its own.
    pub(super) until: Option<SystemTime>,
}

/// What is to come on one connection.
pub(super) struct Expected {
    pub(super) world: Arc<World>,
    id: String,
    /// What was published up to here was received, or is not for the client.
    pub(super) cursor: u64,
    pub(super) who: Option<Token>,
    pub(super) is_warned: bool,
    pub(super) channels: BTreeMap<String, Held>,
    /// What events for everybody begin after.
    pub(super) everybody: Option<u64>,
    pub(super) pending: VecDeque<Pending>,
    asked: u64,
    /// The channels that a new token brings, and whether it brings the events for everybody: the next answer says so.
    pub(super) brought: Option<(Vec<&'static str>, bool)>,
    pub(super) tally: Tally,
}

impl Expected {
    pub(super) fn new(world: Arc<World>, tally: Tally) -> Expected {
        Expected {
            world,
            id: String::new(),
            cursor: 0,
            who: None,
            is_warned: false,
            channels: BTreeMap::new(),
            everybody: None,
            pending: VecDeque::new(),
            asked: 0,
            brought: None,
            tally,
        }
    }

    /// The client was let in, with these channels. Returns its id.
    pub(super) fn welcomed(&mut self, welcome: &Value, who: Option<Token>, names: &[&str], everybody: bool) -> String {
        assert_eq!((&welcome["type"], &welcome["channels"]), (&json!("welcome"), &json!(names)), "{welcome}");
        self.id = welcome["client"].as_str().expect("an id").to_owned();
        self.cursor = seq_of(welcome);
        self.who = who;
        self.begin(names, everybody, self.cursor);
        self.id.clone()
    }

    /// Notes what is asked for. Returns the command.
    pub(super) fn ask(&mut self, asked: Asked) -> Value {
        let mut command = asked.command();
        let (published, at) = (self.world.log().len() as u64, SystemTime::now());
        self.asked += 1;
        command["ref"] = json!(self.asked);
        self.pending.push_back(Pending { asked, reference: self.asked, at, published });
        command
    }

    pub(super) fn begin(&mut self, names: &[&str], everybody: bool, began: u64) {
        for name in names {
            self.channels.entry((*name).to_owned()).or_insert(Held { began, until: None });
        }
        self.everybody = self.everybody.or(everybody.then_some(began));
    }

    /// Whether a warning or the end of a right is to come soon.
    pub(super) fn has_rights_that_end(&self) -> bool {
        let now = SystemTime::now();
        let is_soon = |end: SystemTime| end < now + SOON;
        let of_token = |who: &Token| is_soon(who.ends) || !self.is_warned && who.ends < now + WARNING;
        self.channels.values().filter_map(|held| held.until).any(is_soon) || self.who.as_ref().is_some_and(of_token)
    }

    pub(super) fn lacks_answers(&self) -> bool {
        !self.pending.is_empty() || self.brought.is_some()
    }

    /// Whether something is to come of what was published up to here.
    pub(super) fn lacks_events(&self, to: u64) -> bool {
        self.missing(to).is_some()
    }

    /// Notes that everything up to a publication was received that is for the client.
    pub(super) fn advance(&mut self, to: u64) {
        if let Some(missing) = self.missing(to) {
            let (published, channels) = (self.world.log()[missing as usize - 1].clone(), self.channels.keys());
            panic!(
                "{missing}, {published:?}, is missing after {} of what is for {:?} with {:?}, everybody {:?}",
                self.cursor,
                self.who,
                channels.collect::<Vec<_>>(),
                self.everybody
            );
        }
        self.cursor = self.cursor.max(to);
    }

    fn missing(&self, to: u64) -> Option<u64> {
        let log = self.world.log();
        (self.cursor + 1..=to).find(|seq| self.due(*seq, &log[*seq as usize - 1]).is_required)
    }

    /// Whether a publication is for the client, and the channels that may bring it: the first that the client has, or
    /// a later one if those before may have ended, although the client does not know it yet.
    pub(super) fn due<'a>(&self, seq: u64, published: &'a Published) -> Due<'a> {
        let mut due = Due { is_required: false, names: Vec::new() };
        if published.except.as_ref() == Some(&self.id) {
            return due;
        }
        let is_connected = self.who.as_ref().is_none_or(|who| published.at < who.ends);
        let rules = self.world.rules;
        let asked = || self.pending.iter().filter(|pending| pending.published < seq).map(|pending| &pending.asked);
        let Some(channels) = &published.channels else {
            if self.everybody.is_some_and(|began| began < seq) {
                due.names.push(None);
                due.is_required = is_connected && !asked().any(|asked| asked.may_end_everybody(rules));
            }
            return due;
        };
        for name in channels {
            let Some(held) = self.channels.get(*name).filter(|held| held.began < seq) else { continue };
            due.names.push(Some(name));
            let has_right = held.until.is_none_or(|until| published.at < until);
            if is_connected && has_right && !asked().any(|asked| asked.may_end(name, rules)) {
                due.is_required = true;
                break;
            }
        }
        due
    }

    /// The subscriptions that a token would end at a time.
    pub(super) fn uncovered(&self, token: &Token, at: SystemTime) -> Vec<String> {
        let rules = self.world.rules;
        let is_uncovered = |name: &str| rules.may_read_all(Some(token), &[name], None, at).is_err();
        let ended = self.channels.iter().filter(|(name, held)| held.until.is_none() && is_uncovered(name));
        ended.map(|(name, _)| name.clone()).collect()
    }

    /// The times at which a command may have been followed, of those that make a difference.
    pub(super) fn times(&self, asked: SystemTime, token: Option<&Token>) -> impl Iterator<Item = SystemTime> {
        let now = SystemTime::now();
        let ends = [self.who.as_ref(), token].map(|token| token.map(|token| token.ends)).into_iter().flatten();
        std::iter::once(asked).chain(ends.filter(move |end| asked < *end && *end <= now))
    }
}

/// What is to be said of a publication and a client.
#[derive(Debug)]
pub(super) struct Due<'a> {
    pub(super) is_required: bool,
    /// The channels that may be named. `None`: it is for everybody.
    pub(super) names: Vec<Option<&'a str>>,
}

pub(super) fn seq_of(message: &Value) -> u64 {
    let id = message["id"].as_str().unwrap_or_else(|| panic!("no id in {message}"));
    id.split_once('-').and_then(|(_, seq)| seq.parse().ok()).unwrap_or_else(|| panic!("{id}"))
}
