//! How many handlers the system and `memory_limit` can hold. A client too many is sent away; without this the script would
//! end with a fatal error.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;

use crate::zend;

/// Every Fiber has a stack, and that is two mappings: the stack and the page that guards its end.
const MAPPINGS_PER_HANDLER: usize = 2;
/// Mappings for everything else that a script may still want.
const MAPPINGS_BESIDE_HANDLERS: usize = 2048;
/// Memory that must be left below `memory_limit` to start a handler: what the running ones still want.
const MEMORY_MARGIN: usize = 4 * 1024 * 1024;
/// How often a refusal is reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Limits {
    handlers: usize,
    reported: Cell<Option<Instant>>,
}

impl Limits {
    /// Asks the system.
    pub(crate) fn find() -> Limits {
        let max = fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
        let used = fs::read_to_string("/proc/self/maps").map(|text| text.lines().count()).unwrap_or(0);
        let free = max.map_or(usize::MAX, |max: usize| max.saturating_sub(used + MAPPINGS_BESIDE_HANDLERS));
        Limits { handlers: free / MAPPINGS_PER_HANDLER, reported: Cell::new(None) }
    }

    /// Whether another handler can start while so many run. Reports it if not, which may leave an exception.
    pub(crate) fn allow(&self, running: usize) -> bool {
        let reason = if running >= self.handlers {
            "more would exceed vm.max_map_count"
        } else if zend::memory_left() < MEMORY_MARGIN {
            "more would exceed memory_limit"
        } else {
            return true;
        };
        self.report(running, reason);
        false
    }

    /// Reports a refusal, if none was reported lately.
    pub(crate) fn report(&self, running: usize, reason: &str) {
        if self.reported.get().is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL) {
            self.reported.set(Some(Instant::now()));
            let text = format!("new connections are refused: {running} handlers are running, {reason}");
            php_error(&ErrorType::Warning, &text);
        }
    }
}
