//! Why we end a session: the close code and reason that the client receives, and whether it should connect again.

use crate::rights::Denial;

/// A reason of ours to end a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The application closed the session. Reconnect as the page likes.
    Closed,
    /// The server stops or restarts. Reconnect, after a random delay.
    Shutdown,
    /// The client broke RFC 6455. Do not reconnect with the same program.
    Protocol,
    /// A text message of the client is not UTF-8. Do not reconnect with the same program.
    InvalidText,
    /// A message of the client came in more frames than make sense. Do not reconnect with the same program.
    TooManyFrames,
    /// A message of the client exceeds the limit. Do not send it again.
    TooLarge,
    /// The application cannot serve another client now. Reconnect later.
    Overloaded,
    /// The server has all the clients that it may have. Reconnect later.
    Full,
    /// The hook did not say whether the client may connect. Reconnect later.
    HookFailed,
    /// The client read too slowly and would have missed messages. Reconnect.
    Slow,
    /// The client did not answer a ping. Reconnect.
    PingTimeout,
    /// The client has no token, or one that is not valid. Reconnect with another.
    NotAuthenticated,
    /// The client's token has ended. Reconnect with a new one.
    TokenExpired,
    /// The client may not have what it asked for. Do not reconnect with the same token.
    NotAllowed,
    /// The client sent more messages than it may. Reconnect later.
    TooManyMessages,
}

impl Disconnect {
    /// The close code: of RFC 6455, section 7.4.1, or the registry it founded, or of the private range.
    pub fn code(self) -> u16 {
        match self {
            Disconnect::Closed => 1000,
            Disconnect::Shutdown => 1001,
            Disconnect::Protocol => 1002,
            Disconnect::InvalidText => 1007,
            Disconnect::TooManyFrames => 1008,
            Disconnect::TooLarge => 1009,
            Disconnect::Overloaded | Disconnect::Full | Disconnect::HookFailed => 1013,
            Disconnect::Slow => 4008,
            Disconnect::PingTimeout => 4009,
            Disconnect::NotAuthenticated | Disconnect::TokenExpired => 4401,
            Disconnect::NotAllowed => 4403,
            Disconnect::TooManyMessages => 4429,
        }
    }

    /// The text that goes with the code, at most 123 bytes.
    pub fn reason(self) -> &'static str {
        match self {
            Disconnect::Closed => "",
            Disconnect::Shutdown => "server is shutting down",
            Disconnect::Protocol => "protocol error",
            Disconnect::InvalidText => "text is not valid UTF-8",
            Disconnect::TooManyFrames => "message in too many frames",
            Disconnect::TooLarge => "message too large",
            Disconnect::Overloaded => "server is overloaded",
            Disconnect::Full => "server is full",
            Disconnect::HookFailed => "login cannot be checked now",
            Disconnect::Slow => "too slow: messages would have been missed",
            Disconnect::PingTimeout => "no answer to ping",
            Disconnect::NotAuthenticated => "not authenticated",
            Disconnect::TokenExpired => "token expired",
            Disconnect::NotAllowed => "not allowed",
            Disconnect::TooManyMessages => "too many messages",
        }
    }

    /// Whether the client should connect again.
    pub fn should_reconnect(self) -> bool {
        !matches!(
            self,
            Disconnect::Protocol
                | Disconnect::InvalidText
                | Disconnect::TooManyFrames
                | Disconnect::TooLarge
                | Disconnect::NotAllowed
        )
    }
}

impl From<Denial> for Disconnect {
    fn from(denial: Denial) -> Disconnect {
        match denial {
            Denial::NotAuthenticated => Disconnect::NotAuthenticated,
            Denial::Expired => Disconnect::TokenExpired,
            Denial::NotAllowed => Disconnect::NotAllowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Disconnect; 15] = [
        Disconnect::Closed,
        Disconnect::Shutdown,
        Disconnect::Protocol,
        Disconnect::InvalidText,
        Disconnect::TooManyFrames,
        Disconnect::TooLarge,
        Disconnect::Overloaded,
        Disconnect::Full,
        Disconnect::HookFailed,
        Disconnect::Slow,
        Disconnect::PingTimeout,
        Disconnect::NotAuthenticated,
        Disconnect::TokenExpired,
        Disconnect::NotAllowed,
        Disconnect::TooManyMessages,
    ];

    #[test]
    fn the_documented_table_is_that_of_the_code() {
        let documented: Vec<&str> = include_str!("../../docs/protocol.md")
            .lines()
            .skip_while(|line| *line != "| code | reason | connect again |")
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            // What browsers report when there was no close frame.
            .filter(|line| !line.starts_with("| 1006 "))
            .collect();
        assert_eq!(documented.len(), ALL.len());
        for (line, disconnect) in documented.into_iter().zip(ALL) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert_eq!(cells[0], disconnect.code().to_string());
            assert_eq!(cells[1], disconnect.reason(), "{line}");
            assert_eq!(!cells[2].starts_with("no"), disconnect.should_reconnect(), "{line}");
        }
    }

    #[test]
    fn each_code_is_counted_as_itself() {
        assert!(ALL.iter().all(|disconnect| crate::metrics::CODES.contains(&disconnect.code())));
    }

    #[test]
    fn reasons_fit_into_a_control_frame() {
        // A new reason has to be listed above.
        for disconnect in ALL {
            match disconnect {
                Disconnect::Closed | Disconnect::Shutdown | Disconnect::Protocol | Disconnect::InvalidText => {}
                Disconnect::TooManyFrames => {}
                Disconnect::TooLarge
                | Disconnect::Overloaded
                | Disconnect::Full
                | Disconnect::HookFailed
                | Disconnect::Slow
                | Disconnect::PingTimeout => {}
                Disconnect::NotAuthenticated | Disconnect::TokenExpired => {}
                Disconnect::NotAllowed | Disconnect::TooManyMessages => {}
            }
            assert!(disconnect.reason().len() <= 123);
        }
    }
}
