//! What the extension keeps between two calls: the settings in force, the reason of the last `false`, what was set on
//! the server, and the event loop while `start()` runs.
//!
//! PHP owns the storage (one per process, or one per thread in a thread-safe PHP). What holds values of PHP is released
//! at the end of the request, so that no pointer to freed memory is left when a php-fpm worker begins the next one.
//!
//! PHP code runs after that end as well: session handlers, callbacks of headers, streams that are closed late. None of
//! its values is kept. And if a fatal error in it prevents PHP from announcing the end to us, values are forgotten and
//! not released: PHP has taken back their memory.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use ext_php_rs::types::Zval;
use ext_php_rs::zend::{ModuleGlobal, ModuleGlobals};
use queue::{Durability, JournalWriter};

use crate::event_loop::EventLoop;
use crate::layers;
use crate::process::Process;
use crate::producer::Form;
use crate::routes::Routes;
use crate::start_settings::StartSettings;
use crate::warning;

/// The globals of the calling thread.
pub(crate) static GLOBALS: ModuleGlobals<Globals> = ModuleGlobals::new();

/// Settings, and what `lastError()` answers.
#[derive(Default)]
pub(crate) struct Globals {
    /// `fastapi_websocket.fsync`, kept parsed by its ini handler.
    pub(crate) durability: Cell<Durability>,
    /// `fastapi_websocket.queue`, kept parsed by its ini handler.
    pub(crate) form: Cell<Form>,
    /// The segments that this thread has open, kept over requests.
    pub(crate) journal: RefCell<JournalWriter>,
    /// `fastapi_websocket.max_event_bytes`, kept parsed by its ini handler.
    pub(crate) max_event_bytes: Cell<usize>,
    /// `fastapi_websocket.path`; empty if none is set.
    pub(crate) path: RefCell<String>,
    /// `fastapi_websocket.client_relay`
    pub(crate) client_relay: Cell<bool>,
    /// `fastapi_websocket.sleep_hook`
    pub(crate) sleep_hook: Cell<bool>,
    /// `fastapi_websocket.max_message_bytes`
    pub(crate) max_message_bytes: Cell<usize>,
    /// `fastapi_websocket.max_outbox_bytes`
    pub(crate) max_outbox_bytes: Cell<usize>,
    /// `fastapi_websocket.max_memory`
    pub(crate) max_memory: Cell<usize>,
    /// `fastapi_websocket.max_messages_per_sec`
    pub(crate) max_messages_per_sec: Cell<u32>,
    /// `fastapi_websocket.max_bytes_per_sec`
    pub(crate) max_bytes_per_sec: Cell<u32>,
    /// `fastapi_websocket.max_connections`
    pub(crate) max_connections: Cell<usize>,
    /// Settings of `start()` that the server library declares.
    pub(crate) start_settings: RefCell<StartSettings>,
    last_error: Cell<Option<String>>,
    /// Whether values of PHP may be kept: not after the end of a request.
    in_request: Cell<bool>,
    /// The process in which the names of entries got their random bits.
    drawn_in: Cell<Option<Process>>,
    /// How many transactions of `EventQueue` are open, and in which process they were begun.
    transactions: Cell<(Option<Process>, usize)>,
    /// What the script has set on the server.
    pub(crate) server: RefCell<ServerSettings>,
    routes: Rc<Routes>,
    event_loop: RefCell<Option<Rc<EventLoop>>>,
}

/// What `host()`, `port()` and `eventQueue()` were given.
pub(crate) struct ServerSettings {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) queue: Option<PathBuf>,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings { host: "0.0.0.0".to_owned(), port: "8080".to_owned(), queue: None }
    }
}

impl ModuleGlobal for Globals {}

impl Globals {
    /// Remembers why the last call failed, or forgets it after a success.
    pub(crate) fn set_last_error(&self, reason: Option<String>) {
        // It may contain text that came from clients or other users.
        self.last_error.set(reason.map(|reason| queue::printable(&reason).into_owned()));
    }

    /// Calls `look` with the reason.
    pub(crate) fn with_last_error<R>(&self, look: impl FnOnce(Option<&str>) -> R) -> R {
        // Taken out and put back, not borrowed: when `look` exceeds the memory limit, PHP jumps out of it, and a borrow
        // would never end.
        let reason = self.last_error.take();
        let seen = look(reason.as_deref());
        self.last_error.set(reason);
        seen
    }

    /// Whether the request has not ended, so that values of PHP may be kept.
    pub(crate) fn is_in_request(&self) -> bool {
        self.in_request.get()
    }

    /// Lets the names of entries differ from those of other processes, if this one was forked since the last call.
    ///
    /// # Errors
    /// When the system has no random bits.
    pub(crate) fn reseed_in_fork(&self) -> std::io::Result<()> {
        let process = Process::this();
        if self.drawn_in.get().is_some_and(|drawn_in| drawn_in != process) {
            queue::reseed()?;
        }
        self.drawn_in.set(Some(process));
        Ok(())
    }

    /// A transaction begins.
    pub(crate) fn transaction_begins(&self) {
        let open = self.open_transactions();
        self.transactions.set((Some(Process::this()), open + 1));
    }

    /// A transaction has ended, or was rolled back with a warning.
    pub(crate) fn transaction_ended(&self) {
        let open = self.open_transactions();
        self.transactions.set((Some(Process::this()), open.saturating_sub(1)));
    }

    /// How many transactions are open. Those that a fork has copied are not.
    fn open_transactions(&self) -> usize {
        let (begun_in, open) = self.transactions.get();
        if begun_in.is_some_and(Process::was_forked) { 0 } else { open }
    }

    /// Registers a handler. What is returned is to be dropped when nothing is borrowed, since that may run PHP code:
    /// the one that it replaces, or the one given if the request has ended.
    pub(crate) fn set_handler(&self, path: String, callable: Zval) -> Option<Zval> {
        if !self.in_request.get() {
            return Some(callable);
        }
        self.routes.insert(path, callable)
    }

    /// The handlers that were registered.
    pub(crate) fn routes(&self) -> Rc<Routes> {
        self.routes.clone()
    }

    /// The event loop, between the begin and the end of `start()`.
    pub(crate) fn event_loop(&self) -> Option<Rc<EventLoop>> {
        self.event_loop.borrow().clone()
    }

    /// Sets the event loop, or removes it. Returns the one of before.
    pub(crate) fn set_event_loop(&self, event_loop: Option<Rc<EventLoop>>) -> Option<Rc<EventLoop>> {
        self.event_loop.replace(event_loop)
    }
}

/// A request begins. It must find nothing of the request before.
pub(crate) extern "C" fn begin_request(_type: i32, _module_number: i32) -> i32 {
    forget_request();
    let globals = GLOBALS.get();
    globals.set_last_error(None);
    globals.transactions.take();
    globals.server.take();
    globals.in_request.set(true);
    0
}

/// A request ends: its values are released. A server that a fatal error has left behind is ended.
pub(crate) extern "C" fn end_request(_type: i32, _module_number: i32) -> i32 {
    let globals = GLOBALS.get();
    // Before all else: a release may run destructors, and they may call any method.
    globals.in_request.set(false);
    globals.set_last_error(None);
    if let Some(event_loop) = globals.set_event_loop(None) {
        // It is too late to report how it ended.
        let _ = event_loop.finish();
    }
    layers::reset();
    globals.routes.release();
    globals.server.take();
    if globals.open_transactions() > 0 {
        // A fatal error came before the end of its object.
        warning::warn_at_end(
            "FASTAPI\\WebSocket\\EventQueue: a transaction was still open when the request ended, it is rolled back: \
             its events were not queued",
        );
    }
    0
}

/// PHP is about to take back the memory of a request, or has done so. Values that are left were not released, because a
/// fatal error in a destructor or in another extension's end of the request came before. They must not be touched any
/// more.
pub(crate) extern "C" fn forget_request() -> i32 {
    let globals = GLOBALS.get();
    globals.in_request.set(false);
    globals.routes.forget();
    if let Some(event_loop) = globals.set_event_loop(None) {
        event_loop.abandon();
    }
    0
}
