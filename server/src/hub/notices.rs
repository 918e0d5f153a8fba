//! Lines of the log that clients can cause, each now and then only, whichever thread of the hub they are on.

use crate::log_limit::SharedLogLimit;

/// When each kind of line was logged.
#[derive(Debug)]
pub(super) struct Notices {
    pub(super) throttled: SharedLogLimit,
    pub(super) frames: SharedLogLimit,
    pub(super) memory: SharedLogLimit,
    pub(super) unwatched: SharedLogLimit,
    /// What Pusher clients ask for and their application's server has not signed.
    pub(super) unsigned: SharedLogLimit,
    /// Events that were not sent because the history log could not be written.
    pub(super) unsent: SharedLogLimit,
}

impl Default for Notices {
    fn default() -> Notices {
        Notices {
            throttled: SharedLogLimit::every_minute(),
            frames: SharedLogLimit::every_minute(),
            memory: SharedLogLimit::every_minute(),
            unwatched: SharedLogLimit::every_second(),
            unsigned: SharedLogLimit::every_second(),
            unsent: SharedLogLimit::every_second(),
        }
    }
}
