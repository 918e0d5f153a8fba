//! What `start()` does until `stop()`: it runs every handler call in a Fiber of its own, and continues those that wait
//! when their message has arrived or their time has come. Runs on PHP's thread.
//!
//! PHP code that is called from here may not return: a fatal error jumps past all Rust frames. So nothing is borrowed,
//! locked or owned by a frame while PHP code runs. What must be cleaned up can be reached from the globals of the
//! extension.

mod handlers;
mod waiting;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ext_php_rs::types::Zval;
use server::{Disconnect, Hub, SessionId};
use slab::Slab;

use crate::client::Client;
use crate::connection_object;
use crate::descriptors;
use crate::exception::{self, ScriptEnd};
use crate::fiber::{Context, Fiber, Methods};
use crate::layers::{self, Layer};
use crate::limits::Limits;
use crate::notifications::Notification;
use crate::routes::Routes;
use crate::server_thread::ServerThread;
use crate::shared::Shared;
use crate::signals::{self, Dispatcher, Woken};
use crate::waiters::{WaiterId, Waiters};

/// How long handlers may go on when the server has stopped. They were woken, and their connections are closed.
const HANDLER_GRACE: Duration = Duration::from_secs(2);
/// How soon a handler that has called `Fiber::suspend()` itself is continued when there is nothing else to do.
const YIELD_PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct EventLoop {
    pub(crate) server: ServerThread,
    shared: Arc<Shared>,
    relay: bool,
    routes: Rc<Routes>,
    methods: Methods,
    dispatcher: Dispatcher,
    limits: Limits,
    /// Where the loop runs.
    context: Context,
    waiters: Waiters<Waiter>,
    handlers: RefCell<Slab<Handler>>,
    /// The handler that was continued last: the code that runs now is part of it.
    current: Cell<usize>,
    /// The waiting call that was continued last.
    continued: Cell<Option<WaiterId>>,
    /// Handlers that have called `Fiber::suspend()` themselves.
    yielded: RefCell<VecDeque<usize>>,
    /// Handlers that the script has continued, so that the loop would not notice their end.
    continued_elsewhere: RefCell<Vec<usize>>,
    /// The PHP objects of open connections.
    objects: RefCell<HashMap<SessionId, Zval>>,
    /// Notifications that were taken and not handled yet.
    notifications: RefCell<VecDeque<Notification>>,
    stop_requested: Cell<bool>,
    /// Until when handlers may go on. Set when the loop has noticed the request to stop.
    deadline: Cell<Option<Instant>>,
}

/// A handler call that has not returned.
struct Handler {
    fiber: Fiber,
    client: Arc<Client>,
    layer: Layer,
    /// It waits in `Fiber::suspend()`, called by us.
    is_waiting: Cell<bool>,
}

/// How a waiting call continues.
#[derive(Debug, Clone, Copy)]
struct Waiter {
    /// The handler that runs again then.
    handler: usize,
    /// Where, if that is not the handler's own Fiber but another one, which the handler has started.
    inside: Option<Context>,
}

impl EventLoop {
    pub(crate) fn new(server: ServerThread, shared: Arc<Shared>, relay: bool, routes: Rc<Routes>) -> EventLoop {
        EventLoop {
            server,
            shared,
            relay,
            routes,
            methods: Methods::find(),
            dispatcher: Dispatcher::find(),
            limits: Limits::find(),
            context: Context::current(),
            waiters: Waiters::new(),
            handlers: RefCell::new(Slab::new()),
            current: Cell::new(usize::MAX),
            continued: Cell::new(None),
            yielded: RefCell::default(),
            continued_elsewhere: RefCell::default(),
            objects: RefCell::default(),
            notifications: RefCell::default(),
            stop_requested: Cell::new(false),
            deadline: Cell::new(None),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.server.hub
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether clients can connect and be sent messages.
    pub(crate) fn is_running(&self) -> bool {
        !self.stop_requested.get() && !self.server.was_forked()
    }

    /// Closes the port and every connection. The loop ends soon after.
    pub(crate) fn request_stop(&self) {
        if self.stop_requested.replace(true) || self.server.was_forked() {
            return;
        }
        self.server.request_shutdown();
        let clients = std::mem::take(&mut *self.shared.clients());
        for client in clients.into_values() {
            client.close(Disconnect::Shutdown).into_iter().for_each(|reader| self.waiters.wake(reader));
        }
    }

    /// Runs until the server has stopped and the handlers are done.
    ///
    /// # Errors
    /// When the script is ending.
    pub(crate) fn run(&self) -> Result<(), ScriptEnd> {
        loop {
            self.dispatcher.dispatch();
            layers::release_deferred();
            exception::report_pending()?;
            self.handle_notifications()?;
            self.waiters.wake_due();
            self.continue_ready()?;
            self.continue_yielded()?;
            self.check_continued_elsewhere()?;
            // A handler may have closed standard streams.
            descriptors::fill_standard();
            if self.stop_requested.get() && self.deadline.get().is_none() {
                self.deadline.set(Some(Instant::now() + HANDLER_GRACE));
                // Calls that wait for a message were woken by the end of their clients. This also wakes those that wait
                // for a time.
                self.waiters.wake_all();
                continue;
            }
            let ended = self.shared.notifications.have_ended();
            let deadline = self.deadline.get().filter(|_| !self.handlers.borrow().is_empty());
            let overdue = deadline.is_none_or(|deadline| Instant::now() >= deadline);
            if ended && (overdue || !self.stop_requested.get()) {
                return Ok(());
            }
            self.sleep(ended)?;
        }
    }

    /// Ends the server and all handlers. Called when PHP code cannot reach the loop any more.
    pub(crate) fn finish(&self) -> std::io::Result<()> {
        self.request_stop();
        let outcome = self.server.join();
        self.release();
        outcome
    }

    /// Releases all values of PHP. Handlers that still wait are unwound, as PHP does with Fibers that are not
    /// referenced.
    fn release(&self) {
        self.notifications.take();
        let handlers = std::mem::take(&mut *self.handlers.borrow_mut());
        for (_, handler) in handlers {
            exception::set_aside(|| release(handler));
        }
        let objects = self.objects.take();
        exception::set_aside(|| drop(objects));
    }

    /// Ends the server when PHP has taken back the memory of the request: its values are forgotten, not released.
    pub(crate) fn abandon(&self) {
        self.request_stop();
        // It is too late to report how it ended.
        let _ = self.server.join();
        std::mem::forget(self.handlers.take());
        std::mem::forget(self.objects.take());
    }

    /// The script has closed a connection: it is no longer one of the connected clients.
    pub(crate) fn forget(&self, client: &Client, readers: Vec<WaiterId>) {
        if !self.server.was_forked() {
            self.shared.clients().remove(&client.session);
            readers.into_iter().for_each(|reader| self.waiters.wake(reader));
        }
    }

    /// The clients that are connected.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        if self.server.was_forked() {
            return Vec::new();
        }
        self.shared.clients().values().filter(|client| client.is_open()).cloned().collect()
    }

    /// How many clients are connected.
    pub(crate) fn client_count(&self) -> usize {
        if self.server.was_forked() { 0 } else { self.shared.clients().len() }
    }

    /// The PHP object of a client, always the same one while it is connected.
    pub(crate) fn object(&self, client: &Arc<Client>) -> Zval {
        let known = self.objects.borrow().get(&client.session).map(Zval::shallow_clone);
        if let Some(object) = known {
            return object;
        }
        let object = connection_object::make(client.clone());
        if client.make_known() {
            self.objects.borrow_mut().insert(client.session, object.shallow_clone());
        }
        object
    }

    fn handle_notifications(&self) -> Result<(), ScriptEnd> {
        self.shared.notifications.take(&mut self.notifications.borrow_mut());
        loop {
            let notification = self.notifications.borrow_mut().pop_front();
            match notification {
                None => return Ok(()),
                Some(Notification::Readable(reader)) => self.waiters.wake(reader),
                Some(Notification::Closed(session)) => {
                    let object = self.objects.borrow_mut().remove(&session);
                    drop(object);
                    exception::report_pending()?;
                }
                Some(Notification::Opened(client)) => self.start_handler(client)?,
            }
        }
    }

    fn has_work(&self) -> bool {
        self.waiters.ready_len() > 0 || (self.stop_requested.get() && self.deadline.get().is_none())
    }

    fn sleep(&self, knows_end: bool) -> Result<(), ScriptEnd> {
        if self.has_work() {
            return Ok(());
        }
        let mask = signals::block();
        // From here on signals are blocked until `signals::sleep` lets them through.
        self.dispatcher.dispatch();
        if signals::is_interrupted() || exception::is_pending() || self.has_work() {
            signals::unblock(&mask);
            signals::handle_interrupt(&self.methods);
            return exception::report_pending();
        }
        let mut woken = Woken::Awake;
        if self.shared.notifications.begin_sleep(knows_end) {
            let deadline = self.deadline.get().filter(|deadline| *deadline > Instant::now());
            let until = self.waiters.next_timer().into_iter().chain(deadline).min();
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let pause = (!self.yielded.borrow().is_empty()).then_some(YIELD_PAUSE);
            let timeout = timeout.into_iter().chain(pause).min();
            woken = signals::sleep(self.shared.notifications.notifier(), timeout, &mask);
            self.shared.notifications.end_sleep();
        }
        signals::unblock(&mask);
        if woken == Woken::Interrupted {
            signals::handle_interrupt(&self.methods);
        }
        exception::report_pending()
    }
}

/// Releases a handler when there is no server any more. The output of a handler that has ended, perhaps with the
/// script, becomes the script's. The output of one that is unwound is not complete, and is dropped.
fn release(handler: Handler) {
    let Handler { fiber, layer, .. } = handler;
    if fiber.is_terminated() {
        layer.merge();
    }
    // If the script holds the Fiber, the handler's code may run again. Its layer is then released at the end of the
    // request.
    let is_shared = fiber.is_shared();
    drop(fiber);
    if !is_shared {
        layer.discard();
    }
}
