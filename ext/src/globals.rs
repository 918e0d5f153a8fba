//! What the extension remembers between two calls: the settings in force and the reason of the last `false`.
//!
//! PHP owns the storage (one per process, or one per thread in a thread-safe PHP). No zval lives here, so nothing
//! can dangle when a php-fpm worker goes on to its next request.

use std::cell::Cell;

use ext_php_rs::zend::{ModuleGlobal, ModuleGlobals};
use queue::Durability;

/// The globals of the calling thread.
pub(crate) static GLOBALS: ModuleGlobals<Globals> = ModuleGlobals::new();

/// Settings, and what `lastError()` answers.
#[derive(Default)]
pub(crate) struct Globals {
    /// `fastapi_websocket.fsync`, kept parsed by its ini handler.
    pub(crate) durability: Cell<Durability>,
    /// `fastapi_websocket.max_event_bytes`, kept parsed by its ini handler.
    pub(crate) max_event_bytes: Cell<usize>,
    last_error: Cell<Option<String>>,
}

impl ModuleGlobal for Globals {}

impl Globals {
    /// Remembers why the last call failed, or forgets it after a success.
    pub(crate) fn set_last_error(&self, reason: Option<String>) {
        self.last_error.set(reason);
    }

    /// Shows the reason to `look`.
    pub(crate) fn with_last_error<R>(&self, look: impl FnOnce(Option<&str>) -> R) -> R {
        // Taken out and put back, not borrowed: when `look` meets the memory limit, PHP jumps out of it, and a borrow
        // would never end.
        let reason = self.last_error.take();
        let seen = look(reason.as_deref());
        self.last_error.set(reason);
        seen
    }
}

/// Forgets the last request's reason: the next request on this worker belongs to somebody else.
pub(crate) extern "C" fn reset(_type: i32, _module_number: i32) -> i32 {
    GLOBALS.get().set_last_error(None);
    0
}
