//! What each message says to a client, and whether it may be said now.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::asked::{Asked, Pending};
use super::expected::{Expected, WARNING, seq_of};
use super::rights::{EXPIRED, NOT_ALLOWED, Token};

/// How long after its end a right may last: the server looks once a second.
const LATE: Duration = Duration::from_secs(5);

impl Expected {
    pub(super) fn take(&mut self, message: &Value) {
        let (kind, is_answer) = (message["type"].as_str(), message.get("ref").is_some());
        match kind {
            None => return self.on_event(message),
            Some("subscribed") if !is_answer => return self.on_brought(message),
            Some("joined" | "left") => {
                let channel = message["channel"].as_str().unwrap();
                return assert!(self.channels.contains_key(channel), "not for {:?}: {message}", self.who);
            }
            _ => assert!(self.brought.is_none(), "{:?} should be there before {message}", self.brought),
        }
        match kind {
            Some("heartbeat") => self.advance(seq_of(message)),
            Some("expiring") => {
                let who = self.who.as_ref().filter(|who| who.ends <= SystemTime::now() + WARNING);
                assert!(who.is_some() && !self.is_warned, "{message} for {:?}", self.who);
                self.is_warned = true;
                self.tally.warned += 1;
            }
            Some("unsubscribed") if !is_answer => self.on_ended(message),
            Some(kind) if is_answer => self.on_answer(kind, message),
            _ => panic!("unexpected: {message}"),
        }
    }

    fn on_event(&mut self, message: &Value) {
        let seq = seq_of(message);
        assert!(seq > self.cursor, "{seq} after {}: {message}", self.cursor);
        self.advance(seq - 1);
        assert_eq!(message["payload"]["n"], seq, "{message}");
        let (published, name) = (self.world.log()[seq as usize - 1].clone(), message["channel"].as_str());
        let due = self.due(seq, &published);
        assert!(due.names.contains(&name), "not for {:?} with {due:?}: {message}", self.who);
        let until = name.and_then(|name| self.channels[name].until);
        for end in until.into_iter().chain(self.who.as_ref().map(|who| who.ends)) {
            let late = published.at.duration_since(end).unwrap_or_default();
            assert!(late < LATE, "published {late:?} after the end of the right: {message}");
        }
        self.cursor = seq;
        self.tally.events += 1;
    }

    /// Subscriptions end without having been asked to: a new token does not cover them, or their own token has ended.
    fn on_ended(&mut self, message: &Value) {
        let mut names = names(message);
        names.sort_unstable();
        match (&message["code"], self.pending.front()) {
            (code, Some(Pending { asked: Asked::Authenticate { token, .. }, at, published, .. }))
                if *code == NOT_ALLOWED =>
            {
                let may_be = self.times(*at, Some(token)).any(|at| names == self.uncovered(token, at));
                assert!(may_be, "{message} for {token:?}");
                self.tally.uncovered += names.len();
                self.advance(*published);
            }
            (code, _) if *code == EXPIRED => {
                let until = |name: &String| self.channels.get(name).and_then(|held| held.until);
                let ends: Option<Vec<SystemTime>> = names.iter().map(until).collect();
                let last = ends.and_then(|ends| ends.into_iter().max()).filter(|last| *last <= SystemTime::now());
                self.advance(self.world.published_before(last.unwrap_or_else(|| panic!("too early: {message}"))));
                self.tally.ended += names.len();
            }
            _ => panic!("unexpected: {message}"),
        }
        self.channels.retain(|name, _| !names.contains(name));
    }

    fn on_answer(&mut self, kind: &str, message: &Value) {
        let Pending { asked, reference, at, published } = self.pending.pop_front().expect("a question");
        assert_eq!(message["ref"], reference, "{message}");
        let answer = if kind == "error" { Err(message["code"].as_u64().expect("a code")) } else { Ok(kind) };
        self.tally.refused += usize::from(answer.is_err());
        self.advance(published);
        let (who, rules) = (self.who.as_ref(), self.world.rules);
        let is = |outcome: Result<&'static str, u64>| outcome == answer;
        match asked {
            Asked::Subscribe { names, token } => {
                let may_read = |at| rules.may_read_all(who, &names, token.as_ref(), at);
                let mut outcomes = self.times(at, token.as_ref()).map(may_read);
                let outcome = outcomes.find(|outcome| is(outcome.as_ref().map(|_| "subscribed").map_err(|code| *code)));
                drop(outcomes);
                let outcome = outcome.unwrap_or_else(|| panic!("{message} for {names:?}, {token:?} of {:?}", self.who));
                if let Ok(ends) = outcome {
                    self.subscribed(message, &names);
                    for (name, until) in names.iter().zip(ends) {
                        let held = self.channels.get_mut(*name).expect("it is subscribed");
                        // A token that ends earlier than that of before takes nothing away.
                        held.until = until.map(|until| held.until.map_or(until, |before| before.max(until)));
                    }
                }
            }
            Asked::Unsubscribe { names } => {
                assert_eq!((answer, &message["channels"]), (Ok("unsubscribed"), &json!(names)));
                self.channels.retain(|name, _| !names.contains(&name.as_str()));
            }
            Asked::Authenticate { token, everybody } => {
                let log_in = |at| rules.may_log_in(who, &token, everybody, at).map(|()| "authenticated");
                assert!(self.times(at, Some(&token)).map(log_in).any(is), "{message} for {token:?} after {who:?}");
                if answer.is_ok() {
                    self.logged_in(token, everybody);
                }
            }
            Asked::Ping => {
                assert_eq!(answer, Ok("pong"));
                self.advance(seq_of(message));
            }
        }
    }

    fn logged_in(&mut self, token: Token, everybody: Option<bool>) {
        assert_eq!(self.uncovered(&token, SystemTime::UNIX_EPOCH), Vec::<String>::new(), "still there with {token:?}");
        let had = self.everybody.is_some();
        let gets = self.world.rules.gets_everybody(Some(&token), everybody.unwrap_or(had));
        if !gets {
            self.everybody = None;
        }
        let new = token.channels.iter().copied().filter(|name| !self.channels.contains_key(*name));
        let brought = (new.collect::<Vec<_>>(), gets && !had);
        self.brought = (!brought.0.is_empty() || brought.1).then_some(brought);
        self.who = Some(token);
        self.is_warned = false;
    }

    fn on_brought(&mut self, message: &Value) {
        let (names, everybody) = self.brought.take().unwrap_or_else(|| panic!("unexpected: {message}"));
        self.subscribed(message, &names);
        self.begin(&[], everybody, seq_of(message));
    }

    fn subscribed(&mut self, message: &Value, names: &[&str]) {
        assert_eq!(message["channels"], json!(names), "{message}");
        self.advance(seq_of(message));
        self.begin(names, false, seq_of(message));
    }

    /// The connection has ended with this code.
    pub(super) fn closed(&mut self, code: u16) {
        match (code, &self.who) {
            (4008, _) => {}
            (4401, Some(who)) if who.ends <= SystemTime::now() => {
                self.advance(self.world.published_before(who.ends));
                self.tally.closed += 1;
            }
            _ => panic!("closed with {code}: {:?}", self.who),
        }
    }
}

fn names(message: &Value) -> Vec<String> {
    let names = message["channels"].as_array().unwrap_or_else(|| panic!("no channels in {message}"));
    names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
}
