//! Failures that are tried again: each is logged once, and again when its reason is another one.

use std::fmt::Display;

/// The reason that was logged last.
#[derive(Debug, Default)]
pub(crate) struct LoggedReason(Option<String>);

impl LoggedReason {
    /// Notes the reason of a failure. Returns whether it is to be logged: it is another than the one before.
    pub(crate) fn is_new(&mut self, reason: impl Display) -> bool {
        let reason = Some(reason.to_string());
        let is_new = self.0 != reason;
        self.0 = reason;
        is_new
    }

    /// Notes a success: the next failure is logged whatever its reason is.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_new_when_it_is_another_than_the_one_before() {
        let mut logged = LoggedReason::default();
        assert!(logged.is_new("missing") && !logged.is_new("missing"));
        assert!(logged.is_new("a file") && !logged.is_new("a file"));
        assert!(logged.is_new("missing"));
        logged.clear();
        assert!(logged.is_new("missing"));
    }
}
