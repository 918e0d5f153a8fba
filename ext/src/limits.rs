//! How many handlers, and how much of what clients send, the system and `memory_limit` allow. A client beyond that is
//! disconnected. Without this the script would end with a fatal error, for all clients.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;

use crate::zend;

/// Every Fiber has two mappings: its stack, and the page that protects the end of the stack.
const MAPPINGS_PER_HANDLER: usize = 2;
/// Mappings that are left for everything else in the script.
const MAPPINGS_BESIDE_HANDLERS: usize = 2048;
/// What PHP allocates to start a handler.
const HANDLER_BYTES: usize = 32 * 1024;
/// Memory that must be left below `memory_limit` when a handler is started, for those that run already.
const HANDLER_RESERVE: usize = 4 * 1024 * 1024;
/// The same when a client's message becomes a value of PHP. More for a large message, of which the handler may make a
/// copy or two; less for a small one, so that clients that send little are served as long as possible.
const MESSAGE_RESERVE: usize = 1024 * 1024;
/// So many times the message's own size, as long as it is small.
const SMALL_MESSAGE_RESERVE_FACTOR: usize = 48;
/// The same when a path or headers become values of PHP. They may use a part of the other reserves.
const REQUEST_RESERVE: usize = 512 * 1024;
/// What PHP allocates for the object of a connection and its place in an array.
const OBJECT_BYTES: usize = 256;
/// How often a refusal of one kind is reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Limits {
    handlers: usize,
    handlers_reported: Reported,
    values_reported: Reported,
}

/// When something was reported last.
#[derive(Default)]
struct Reported(Cell<Option<Instant>>);

impl Limits {
    /// Asks the system.
    pub(crate) fn find() -> Limits {
        let max = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
        let used = fs::read_to_string("/proc/self/maps").map(|text| text.lines().count()).unwrap_or(0);
        let free = max.map_or(usize::MAX, |max: usize| max.saturating_sub(used + MAPPINGS_BESIDE_HANDLERS));
        Limits {
            handlers: free / MAPPINGS_PER_HANDLER,
            handlers_reported: Reported::default(),
            values_reported: Reported::default(),
        }
    }

    /// Whether another handler can start while so many run. Reports it if not, which may leave an exception.
    pub(crate) fn allow(&self, running: usize) -> bool {
        let reason = if running >= self.handlers {
            "more would exceed vm.max_map_count"
        } else if !zend::has_room(HANDLER_BYTES, HANDLER_RESERVE) {
            "more would exceed memory_limit"
        } else {
            return true;
        };
        self.report_handler(running, reason);
        false
    }

    /// Reports that a handler is refused, if none was reported lately.
    pub(crate) fn report_handler(&self, running: usize, reason: &str) {
        self.handlers_reported
            .warn(|| format!("new connections are refused: {running} handlers are running, {reason}"));
    }

    /// Reports that a client was closed because of what it has sent, if none was reported lately.
    pub(crate) fn report_value(&self, what: &str, bytes: usize) {
        self.values_reported.warn(|| {
            format!("a client was closed: {what} of {bytes} bytes would exceed memory_limit or leave too little of it")
        });
    }
}

/// Whether a message of a client can become a value of PHP now.
pub(crate) fn allow_message(bytes: usize) -> bool {
    let small = bytes.saturating_mul(SMALL_MESSAGE_RESERVE_FACTOR);
    let large = bytes.saturating_mul(2).saturating_add(HANDLER_RESERVE - MESSAGE_RESERVE);
    zend::has_room(bytes, MESSAGE_RESERVE.saturating_add(small.min(large)))
}

/// Whether so much of a client's request can become values of PHP now.
pub(crate) fn allow_request(bytes: usize) -> bool {
    zend::has_room(bytes, REQUEST_RESERVE)
}

/// Whether an array of so many connections can be made now.
pub(crate) fn allow_connections(count: usize) -> bool {
    zend::has_room(count.saturating_mul(OBJECT_BYTES), REQUEST_RESERVE)
}

impl Reported {
    fn warn(&self, text: impl FnOnce() -> String) {
        if self.0.get().is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL) {
            self.0.set(Some(Instant::now()));
            php_error(&ErrorType::Warning, &text());
        }
    }
}
