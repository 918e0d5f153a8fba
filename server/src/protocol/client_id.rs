//! Ids of clients, as publishers and clients know them: `<n>.<m>`, both decimal. `n` is drawn at the start of a server,
//! so an id of an earlier start names nobody.

use std::fmt;
use std::str::FromStr;

use crate::session_id::SessionId;

/// A client of this or another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientId {
    /// 63 random bits of the server.
    pub(crate) server: u64,
    pub(crate) session: SessionId,
}

/// The text is no id of a client.
#[derive(Debug)]
pub(crate) struct NoClientId;

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.server, self.session.0)
    }
}

impl FromStr for ClientId {
    type Err = NoClientId;

    fn from_str(text: &str) -> Result<ClientId, NoClientId> {
        let (server, session) = text.split_once('.').ok_or(NoClientId)?;
        let number = |digits: &str| digits.parse().map_err(|_| NoClientId);
        Ok(ClientId { server: number(server)?, session: SessionId(number(session)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = ClientId { server: u64::MAX >> 1, session: SessionId(u64::MAX) };
        assert_eq!(id.to_string().parse::<ClientId>().ok(), Some(id));
        for text in ["", ".", "1.", ".1", "1", "1.2.3", "-1.2", "1.x", "18446744073709551616.1"] {
            assert!(text.parse::<ClientId>().is_err(), "{text}");
        }
    }
}
