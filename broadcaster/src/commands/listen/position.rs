//! Where this client goes on after a lost connection.

/// The position of what the URL asks for, and that of the channels that a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    url: String,
    /// Whether the position in the URL was received, and not given.
    is_received: bool,
    command: String,
    /// Whether the command was answered on this connection. Until then, its channels keep the position that they were
    /// asked with.
    is_answered: bool,
}

/// Takes what is given on the command line.
pub(crate) fn position(text: &str) -> Result<String, &'static str> {
    if server::is_position(text) {
        Ok(text.to_owned())
    } else {
        Err("is no position: give the id of a message, or t. and the milliseconds since 1970, such as t.1729000000123")
    }
}

impl Position {
    pub(super) fn parse(text: &str) -> Result<Position, &'static str> {
        let text = position(text)?;
        Ok(Position { url: text.clone(), is_received: false, command: text, is_answered: false })
    }

    /// For the URL.
    pub(super) fn of_url(&self) -> &str {
        &self.url
    }

    /// The last id of a stream that has ended.
    pub(super) fn last_event_id(&self) -> Option<&str> {
        self.is_received.then_some(&self.url)
    }

    /// For the channels of the command.
    pub(super) fn of_command(&self) -> &str {
        &self.command
    }

    /// Begins a connection.
    pub(super) fn begin(&mut self) {
        self.is_answered = false;
    }

    /// The command is answered, or no command is needed.
    pub(super) fn answered(&mut self) {
        self.is_answered = true;
    }

    /// A message with this id has come.
    pub(super) fn reached(&mut self, id: &str) {
        if server::is_position(id) {
            id.clone_into(&mut self.url);
            self.is_received = true;
            if self.is_answered {
                id.clone_into(&mut self.command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_keep_their_position_until_they_are_answered() {
        let mut position = Position::parse("t.1").expect("a moment");
        let of = |position: &Position| (position.of_url().to_owned(), position.of_command().to_owned());
        assert_eq!(position.last_event_id(), None);
        position.reached("a-1");
        assert_eq!(position.last_event_id(), Some("a-1"));
        assert_eq!(of(&position), ("a-1".to_owned(), "t.1".to_owned()));
        position.answered();
        position.reached("a-2");
        assert_eq!(of(&position), ("a-2".to_owned(), "a-2".to_owned()));
        position.begin();
        position.reached("a-3");
        position.reached("no id");
        assert_eq!(of(&position), ("a-3".to_owned(), "a-2".to_owned()));
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(Position::parse(text).is_err(), "{text}");
        }
    }
}
