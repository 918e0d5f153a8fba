//! Who may read what, as simply as it can be said: the rules that the server is held against.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use crate::rights::signing::{SECRET, hs256};

/// Channels whose names alone do not say that they need a right.
pub(super) const OPEN: [&str; 8] = ["a", "b", "a.b", "A", "orders", "orders.1", "news", "x"];
/// Those that do.
pub(super) const RESTRICTED: [&str; 7] =
    ["private-a", "private-a.b", "private-A", "private-b", "private-user.1", "private-user.12", "presence-a"];
const ALLOWED: [&str; 12] = [
    "private-a",
    "private-a*",
    "private-A",
    "private-user.1",
    "private-user.1*",
    "private-user.*",
    "private-*",
    "presence-a",
    "x",
    "orders*",
    "*",
    EVERYBODY,
];
const EVERYBODY: &str = "everybody";
const USERS: [Option<&str>; 3] = [Some("1"), Some("2"), None];
/// How long tokens are valid after `exp`.
const LEEWAY: Duration = Duration::from_secs(30);

/// Eighths of a second until the end of a token of which the client is warned at once.
pub(super) const WARNED: u64 = 160;

pub(super) const NOT_AUTHENTICATED: u64 = 101;
pub(super) const NOT_ALLOWED: u64 = 103;
pub(super) const EXPIRED: u64 = 109;

/// What a token says.
#[derive(Debug, Clone)]
pub(super) struct Token {
    user: Option<&'static str>,
    /// The channel that it is for, if it is for one subscription.
    channel: Option<&'static str>,
    /// Channels that are subscribed at once.
    pub(super) channels: Vec<&'static str>,
    /// Names, patterns and the word `everybody`.
    allow: Vec<&'static str>,
    /// `exp` and the leeway.
    pub(super) ends: SystemTime,
}

impl Token {
    /// A login, mostly of this user.
    pub(super) fn random_login(rng: &mut StdRng, user: usize) -> Token {
        Token {
            user: if rng.random_bool(0.9) { USERS[user % 2] } else { USERS[rng.random_range(0..USERS.len())] },
            channel: None,
            channels: some_of(&[&RESTRICTED[..], &OPEN].concat(), rng, 3),
            allow: some_of(&ALLOWED, rng, 4),
            ends: random_end(rng),
        }
    }

    /// A token for a channel, mostly one that this user can use.
    pub(super) fn random_for(channel: &'static str, rng: &mut StdRng, user: usize) -> Token {
        let user = [USERS[user % 2], None, USERS[rng.random_range(0..USERS.len())]][rng.random_range(0..3)];
        Token { user, channel: Some(channel), channels: Vec::new(), allow: Vec::new(), ends: random_end(rng) }
    }

    /// One for a channel that anybody can use, and not for long.
    pub(super) fn soon_over(channel: &'static str) -> Token {
        let (channels, allow) = (Vec::new(), Vec::new());
        Token { user: None, channel: Some(channel), channels, allow, ends: end_after(4) }
    }

    /// The same, which ends after so many eighths of a second.
    pub(super) fn ending_after(self, eighths: u64) -> Token {
        Token { ends: end_after(eighths), ..self }
    }

    pub(super) fn signed(&self) -> String {
        let exp = (self.ends - LEEWAY).duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let mut claims = json!({ "exp": exp, "channels": self.channels, "allow": self.allow });
        for (claim, text) in [("sub", self.user), ("channel", self.channel)] {
            if let Some(text) = text {
                claims[claim] = json!(text);
            }
        }
        hs256(SECRET, &claims.to_string())
    }

    pub(super) fn allows(&self, name: &str) -> bool {
        self.channels.contains(&name) || self.allow.iter().any(|pattern| matches(pattern, name))
    }
}

/// Which channels need no right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) public: &'static [&'static str],
}

impl Rules {
    pub(super) fn is_public(self, name: &str) -> bool {
        !RESTRICTED.contains(&name) && self.public.iter().any(|pattern| matches(pattern, name))
    }

    /// Until when a client may have a channel, if that is by a token for it alone, or with which code it may not.
    fn may_read(
        self,
        who: Option<&Token>,
        name: &str,
        token: Option<&Token>,
        at: SystemTime,
    ) -> Result<Option<SystemTime>, u64> {
        match (who, token) {
            _ if self.is_public(name) => Ok(None),
            (Some(who), _) if at >= who.ends => Err(EXPIRED),
            (Some(who), _) if who.allows(name) => Ok(None),
            (_, Some(token)) if at >= token.ends => Err(EXPIRED),
            (_, Some(Token { channel: None, .. })) => Err(NOT_AUTHENTICATED),
            (_, Some(token)) if token.channel != Some(name) => Err(NOT_ALLOWED),
            (_, Some(token)) if token.user.is_some() && token.user != who.and_then(|who| who.user) => Err(NOT_ALLOWED),
            (_, Some(token)) => Ok(Some(token.ends)),
            (Some(_), None) => Err(NOT_ALLOWED),
            (None, None) => Err(NOT_AUTHENTICATED),
        }
    }

    /// The same of several channels: all or none.
    pub(super) fn may_read_all(
        self,
        who: Option<&Token>,
        names: &[&str],
        token: Option<&Token>,
        at: SystemTime,
    ) -> Result<Vec<Option<SystemTime>>, u64> {
        names.iter().map(|name| self.may_read(who, name, token, at)).collect()
    }

    /// Whether a client may log in (again) with a token, asking for events for everybody or not.
    pub(super) fn may_log_in(
        self,
        before: Option<&Token>,
        token: &Token,
        everybody: Option<bool>,
        at: SystemTime,
    ) -> Result<(), u64> {
        if at >= token.ends {
            Err(EXPIRED)
        } else if token.channel.is_some() {
            Err(NOT_AUTHENTICATED)
        } else if before.is_some_and(|before| before.user != token.user)
            || everybody == Some(true) && !self.gets_everybody(Some(token), true)
        {
            Err(NOT_ALLOWED)
        } else {
            Ok(())
        }
    }

    pub(super) fn gets_everybody(self, who: Option<&Token>, asked: bool) -> bool {
        asked && (self.public.contains(&"*") || who.is_some_and(|who| who.allow.contains(&EVERYBODY)))
    }

    /// What a client has that connects with a URL, or with which status it is refused.
    pub(super) fn admit(
        self,
        token: Option<&Token>,
        names: &[&'static str],
        everybody: bool,
        at: SystemTime,
    ) -> Result<Vec<&'static str>, u16> {
        let status = |code| if code == NOT_ALLOWED { 403_u16 } else { 401 };
        token.map_or(Ok(()), |token| self.may_log_in(None, token, None, at)).map_err(status)?;
        if everybody && !self.gets_everybody(token, true) {
            return Err(if token.is_some() { 403 } else { 401 });
        }
        self.may_read_all(token, names, None, at).map_err(status)?;
        let mut all = names.to_vec();
        let of_token = token.map(|token| token.channels.as_slice()).unwrap_or_default();
        all.extend(of_token.iter().filter(|name| !names.contains(name)));
        Ok(all)
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning))
}

/// Up to so many of a list, each once.
pub(super) fn some_of(list: &[&'static str], rng: &mut StdRng, most: usize) -> Vec<&'static str> {
    let mut rest = list.to_vec();
    let count = rng.random_range(0..=most);
    (0..count).map(|_| rest.remove(rng.random_range(0..rest.len()))).collect()
}

fn random_end(rng: &mut StdRng) -> SystemTime {
    end_after(match rng.random_range(0..20) {
        // It has ended already.
        0 => 0,
        1..6 => rng.random_range(1..16),
        6..9 => WARNED,
        _ => 4800,
    })
}

/// After so many eighths of a second, and up to one less: such a time is exact in JSON.
fn end_after(eighths: u64) -> SystemTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    UNIX_EPOCH + Duration::from_millis((now / 125 + eighths) * 125)
}
