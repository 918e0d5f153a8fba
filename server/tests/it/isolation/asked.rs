//! What clients ask for by commands.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::rights::{Rules, Token};

/// What a client has asked for.
#[derive(Debug)]
pub(super) enum Asked {
    Subscribe { names: Vec<&'static str>, token: Option<Token> },
    Unsubscribe { names: Vec<&'static str> },
    Authenticate { token: Token, everybody: Option<bool> },
    Ping,
}

impl Asked {
    /// As it is sent, without its `ref`.
    pub(super) fn command(&self) -> Value {
        match self {
            Asked::Subscribe { names, token: None } => json!({ "type": "subscribe", "channels": names }),
            Asked::Subscribe { names, token: Some(token) } => {
                json!({ "type": "subscribe", "channels": names, "token": token.signed() })
            }
            Asked::Unsubscribe { names } => json!({ "type": "unsubscribe", "channels": names }),
            Asked::Authenticate { token, everybody } => {
                json!({ "type": "authenticate", "token": token.signed(), "everybody": everybody })
            }
            Asked::Ping => json!({ "type": "ping" }),
        }
    }

    /// Whether it may end the subscription of a channel.
    pub(super) fn may_end(&self, name: &str, rules: Rules) -> bool {
        match self {
            Asked::Unsubscribe { names } => names.contains(&name),
            Asked::Authenticate { token, .. } => !rules.is_public(name) && !token.allows(name),
            _ => false,
        }
    }

    /// Whether it may end the events for everybody.
    pub(super) fn may_end_everybody(&self, rules: Rules) -> bool {
        matches!(self, Asked::Authenticate { token, everybody }
            if !rules.gets_everybody(Some(token), everybody.unwrap_or(true)))
    }
}

/// A command without an answer.
pub(super) struct Pending {
    pub(super) asked: Asked,
    pub(super) reference: u64,
    pub(super) at: SystemTime,
    /// How much was published before.
    pub(super) published: u64,
}
