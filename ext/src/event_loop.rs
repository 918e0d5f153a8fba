//! What `start()` does until `stop()`: runs every handler call in a Fiber of its own, and continues those that wait when
//! their message or their time has come. Lives on PHP's thread.
//!
//! PHP code that runs from here may not come back: a fatal error jumps past all Rust frames. So nothing is borrowed, locked
//! or owned by a frame while PHP code runs; what must be cleaned up is reachable from [`crate::globals`].

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ext_php_rs::types::Zval;
use server::{Disconnect, Hub, SessionId};
use slab::Slab;

use crate::client::{Client, Next};
use crate::connection_object;
use crate::exception::{self, Leaving};
use crate::fiber::{self, Context, Fiber, Methods};
use crate::globals::GLOBALS;
use crate::incidents::{Incident, Shared, without_query};
use crate::limits::Limits;
use crate::parking::{ParkId, Parking};
use crate::serving::Serving;
use crate::signals::{self, Dispatcher, Woken};
use crate::websocket_connection;

/// How long handlers may go on when the server has stopped. They were woken, and their connections are closed.
const HANDLER_GRACE: Duration = Duration::from_secs(2);
/// How soon a handler that has called `Fiber::suspend()` itself is continued when there is nothing else to do.
const YIELD_PAUSE: Duration = Duration::from_millis(1);

pub(crate) struct EventLoop {
    pub(crate) serving: Serving,
    shared: Arc<Shared>,
    relay: bool,
    methods: Methods,
    dispatcher: Dispatcher,
    limits: Limits,
    /// Where the loop runs.
    context: Context,
    parking: Parking<Parked>,
    handlers: RefCell<Slab<Handler>>,
    /// The handler that was continued last: whatever runs now runs inside of it.
    current: Cell<usize>,
    /// Who was continued last.
    continued: Cell<Option<ParkId>>,
    /// Handlers that have called `Fiber::suspend()` themselves.
    yielded: RefCell<VecDeque<usize>>,
    /// Handlers that were continued by somebody else, so that their end would not be noticed.
    strays: RefCell<Vec<usize>>,
    /// The PHP objects of open connections.
    objects: RefCell<HashMap<SessionId, Zval>>,
    /// Incidents that were taken and not seen to.
    incidents: RefCell<VecDeque<Incident>>,
    stop_requested: Cell<bool>,
    /// Until when handlers may go on. Set when the loop has noticed the request to stop.
    deadline: Cell<Option<Instant>>,
}

/// A handler call that has not returned.
struct Handler {
    fiber: Fiber,
    client: Arc<Client>,
    /// It waits in `Fiber::suspend()`, called by us.
    is_parked: Cell<bool>,
}

/// How a waiting call continues.
#[derive(Debug, Clone, Copy)]
struct Parked {
    /// The handler that runs again then.
    handler: usize,
    /// Where, if that is not the handler's own Fiber but something it has called.
    inside: Option<Context>,
}

impl EventLoop {
    pub(crate) fn new(serving: Serving, shared: Arc<Shared>, relay: bool) -> EventLoop {
        EventLoop {
            serving,
            shared,
            relay,
            methods: Methods::find(),
            dispatcher: Dispatcher::find(),
            limits: Limits::find(),
            context: Context::current(),
            parking: Parking::new(),
            handlers: RefCell::new(Slab::new()),
            current: Cell::new(usize::MAX),
            continued: Cell::new(None),
            yielded: RefCell::default(),
            strays: RefCell::default(),
            objects: RefCell::default(),
            incidents: RefCell::default(),
            stop_requested: Cell::new(false),
            deadline: Cell::new(None),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.serving.hub
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether clients can come and be spoken to.
    pub(crate) fn is_running(&self) -> bool {
        !self.stop_requested.get() && !self.serving.is_inherited()
    }

    /// Closes the port and every connection. The loop ends soon after.
    pub(crate) fn request_stop(&self) {
        if self.stop_requested.replace(true) || self.serving.is_inherited() {
            return;
        }
        self.serving.request_shutdown();
        let clients = std::mem::take(&mut *self.shared.clients());
        for client in clients.into_values() {
            client.close(Disconnect::Shutdown).into_iter().for_each(|reader| self.parking.wake(reader));
        }
    }

    /// Runs until the server has stopped and the handlers are done.
    ///
    /// # Errors
    /// When the script is ending.
    pub(crate) fn run(&self) -> Result<(), Leaving> {
        loop {
            self.dispatcher.dispatch();
            exception::settle()?;
            self.see_to_incidents()?;
            self.parking.fire_timers();
            self.continue_ready()?;
            self.continue_yielded()?;
            self.look_after_strays();
            if self.stop_requested.get() && self.deadline.get().is_none() {
                self.deadline.set(Some(Instant::now() + HANDLER_GRACE));
                // Those that wait for a message find that none will come; those that wait for a time shall see it too.
                self.parking.wake_all();
                continue;
            }
            let ended = self.shared.incidents.have_ended();
            let deadline = self.deadline.get().filter(|_| !self.handlers.borrow().is_empty());
            let overdue = deadline.is_none_or(|deadline| Instant::now() >= deadline);
            if ended && (overdue || !self.stop_requested.get()) {
                return Ok(());
            }
            self.sleep(ended)?;
        }
    }

    /// Ends the server and all handlers. Called once the loop cannot be reached by PHP code any more.
    pub(crate) fn finish(&self) -> std::io::Result<()> {
        self.request_stop();
        let outcome = self.serving.join();
        self.release();
        outcome
    }

    /// Lets go of everything of PHP's. Handlers that still wait are unwound, as PHP does with Fibers that nobody needs.
    pub(crate) fn release(&self) {
        self.incidents.take();
        let handlers = std::mem::take(&mut *self.handlers.borrow_mut());
        for (_, handler) in handlers {
            exception::aside(|| drop(handler.fiber));
        }
        let objects = self.objects.take();
        exception::aside(|| drop(objects));
    }

    /// The script has closed a connection: it is no longer among those that are there.
    pub(crate) fn forget(&self, client: &Client, readers: Vec<ParkId>) {
        if !self.serving.is_inherited() {
            self.shared.clients().remove(&client.session);
            readers.into_iter().for_each(|reader| self.parking.wake(reader));
        }
    }

    /// The clients that are connected.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        if self.serving.is_inherited() {
            return Vec::new();
        }
        self.shared.clients().values().filter(|client| client.is_open()).cloned().collect()
    }

    /// How many they are.
    pub(crate) fn client_count(&self) -> usize {
        if self.serving.is_inherited() { 0 } else { self.shared.clients().len() }
    }

    /// The PHP object of a client, always the same one while it is connected.
    pub(crate) fn object(&self, client: &Arc<Client>) -> Zval {
        let known = self.objects.borrow().get(&client.session).map(Zval::shallow_clone);
        if let Some(object) = known {
            return object;
        }
        let object = connection_object::make(websocket_connection::class(), client.clone());
        if client.make_known() {
            self.objects.borrow_mut().insert(client.session, object.shallow_clone());
        }
        object
    }

    /// Waits for a client's next message.
    pub(crate) fn next_message(&self, client: &Client) -> Next {
        loop {
            match client.next(None) {
                Next::Wait => {}
                found => return found,
            }
            if !self.can_park() {
                return self.block_for_message(client);
            }
            let id = self.park();
            match client.next(Some(id)) {
                Next::Wait => {
                    self.suspend(id);
                    client.forget_reader(id);
                    self.parking.leave(id);
                }
                found => {
                    self.parking.leave(id);
                    return found;
                }
            }
            if exception::is_pending() {
                return Next::End;
            }
        }
    }

    /// Waits for a time; others go on meanwhile. Returns early when the server stops or an exception is pending. False if
    /// the running code cannot be left here.
    pub(crate) fn wait_until(&self, time: Instant) -> bool {
        if !self.can_park() {
            return false;
        }
        let id = self.park();
        self.parking.wake_at(time, id);
        let was_stopping = self.stop_requested.get();
        loop {
            self.suspend(id);
            let early = Instant::now() < time && was_stopping == self.stop_requested.get();
            if exception::is_pending() || !early || self.parking.find(id).is_none() {
                break;
            }
        }
        self.parking.leave(id);
        true
    }

    fn can_park(&self) -> bool {
        fiber::can_switch() && Context::current() != self.context && !self.serving.is_inherited()
    }

    /// Prepares to leave the running code. Must be followed by [`Self::suspend`] or `leave`.
    fn park(&self) -> ParkId {
        let handler = self.current.get();
        let active = fiber::active();
        let handlers = self.handlers.borrow();
        let is_active = |handler: &Handler| std::ptr::eq(handler.fiber.address(), active);
        let parked = if handlers.get(handler).is_some_and(is_active) {
            Parked { handler, inside: None }
        } else if let Some((handler, _)) = handlers.iter().find(|(_, handler)| is_active(handler)) {
            Parked { handler, inside: None }
        } else {
            Parked { handler, inside: Some(Context::current()) }
        };
        self.parking.park(parked)
    }

    /// Leaves the running code until somebody continues it: the loop, or the script itself.
    fn suspend(&self, id: ParkId) {
        let Some(parked) = self.parking.find(id) else { return };
        if parked.inside.is_some() {
            // A Fiber of the script's own, inside of the handler. The whole handler waits.
            self.context.switch_to();
        } else {
            self.set_parked(parked.handler, true);
            self.methods.suspend();
            self.set_parked(parked.handler, false);
        }
        if self.continued.replace(None) != Some(id) {
            self.strays.borrow_mut().push(parked.handler);
        }
    }

    fn set_parked(&self, handler: usize, is_parked: bool) {
        if let Some(handler) = self.handlers.borrow().get(handler) {
            handler.is_parked.set(is_parked);
        }
    }

    /// Waits for a message where the running code cannot be left: in a signal handler, or in code that the loop itself has
    /// called. Nobody else goes on meanwhile.
    fn block_for_message(&self, client: &Client) -> Next {
        loop {
            match client.next(None) {
                Next::Wait => {}
                found => return found,
            }
            let mask = signals::block();
            if !signals::is_interrupted() {
                // It is told by nobody, so it looks again and again.
                signals::sleep(self.shared.incidents.doorbell(), Some(YIELD_PAUSE), &mask);
            }
            signals::unblock(&mask);
            signals::handle_interrupt();
            if exception::is_pending() || self.serving.is_inherited() {
                return Next::End;
            }
        }
    }

    fn see_to_incidents(&self) -> Result<(), Leaving> {
        self.shared.incidents.take(&mut self.incidents.borrow_mut());
        loop {
            let incident = self.incidents.borrow_mut().pop_front();
            match incident {
                None => return Ok(()),
                Some(Incident::Readable(reader)) => self.parking.wake(reader),
                Some(Incident::Closed(session)) => {
                    let object = self.objects.borrow_mut().remove(&session);
                    drop(object);
                    exception::settle()?;
                }
                Some(Incident::Opened(client)) => self.start_handler(client)?,
            }
        }
    }

    fn start_handler(&self, client: Arc<Client>) -> Result<(), Leaving> {
        let globals = GLOBALS.get();
        let callable = globals.handler(&client.path).or_else(|| globals.handler(without_query(&client.path)));
        let Some(callable) = callable.filter(|_| !self.stop_requested.get()) else {
            client.finish_handling(self.relay);
            return Ok(());
        };
        if !self.limits.allow(self.handlers.borrow().len()) {
            client.finish_handling(false);
            client.close(Disconnect::Overloaded);
            return exception::settle();
        }
        let object = self.object(&client);
        let Some(fiber) = self.methods.make(&callable) else {
            client.finish_handling(self.relay);
            return exception::settle();
        };
        let running = fiber.share();
        let handler = self.handlers.borrow_mut().insert(Handler { fiber, client, is_parked: Cell::new(false) });
        self.current.set(handler);
        running.start(&object);
        drop((object, callable));
        let refused = exception::is_pending() && {
            let mut is_started = true;
            exception::aside(|| is_started = running.is_started());
            !is_started
        };
        drop(running);
        if refused {
            exception::discard();
            return self.refuse(handler);
        }
        self.after(handler)
    }

    /// Sends a client away whose handler could not be started.
    fn refuse(&self, handler: usize) -> Result<(), Leaving> {
        let handler = self.handlers.borrow_mut().try_remove(handler);
        if let Some(handler) = handler {
            handler.client.finish_handling(false);
            handler.client.close(Disconnect::Overloaded);
            drop(handler.fiber);
        }
        self.limits.report(self.handlers.borrow().len(), "the system has no memory for the stack of another");
        exception::settle()
    }

    /// Looks at a handler that has run.
    fn after(&self, handler: usize) -> Result<(), Leaving> {
        exception::settle()?;
        if self.serving.is_inherited() {
            // A fork that did not end in the handler has no server: `start()` returns in it.
            return Err(Leaving);
        }
        let fiber = {
            let handlers = self.handlers.borrow();
            let Some(handler) = handlers.get(handler).filter(|handler| !handler.is_parked.get()) else { return Ok(()) };
            handler.fiber.share()
        };
        if fiber.is_terminated() {
            drop(fiber);
            self.remove(handler);
            return exception::settle();
        }
        if fiber.is_suspended() {
            self.yielded.borrow_mut().push_back(handler);
        }
        Ok(())
    }

    fn remove(&self, handler: usize) {
        let handler = self.handlers.borrow_mut().try_remove(handler);
        if let Some(handler) = handler {
            handler.client.finish_handling(self.relay);
            drop(handler.fiber);
        }
    }

    fn continue_ready(&self) -> Result<(), Leaving> {
        // What becomes ready meanwhile has its turn after the incidents.
        for _ in 0..self.parking.ready_len() {
            let Some(id) = self.parking.next_ready() else { break };
            let Some(parked) = self.parking.find(id) else { continue };
            let fiber = self.handlers.borrow().get(parked.handler).map(|handler| handler.fiber.share());
            self.current.set(parked.handler);
            self.continued.set(Some(id));
            match (parked.inside, fiber) {
                (Some(context), _) => context.switch_to(),
                (None, Some(fiber)) => fiber.resume(),
                (None, None) => continue,
            }
            self.after(parked.handler)?;
        }
        Ok(())
    }

    fn continue_yielded(&self) -> Result<(), Leaving> {
        let count = self.yielded.borrow().len();
        for _ in 0..count {
            let Some(handler) = self.yielded.borrow_mut().pop_front() else { break };
            let fiber = {
                let handlers = self.handlers.borrow();
                let found = handlers.get(handler).filter(|handler| !handler.is_parked.get());
                let Some(found) = found else { continue };
                found.fiber.share()
            };
            if fiber.is_suspended() {
                self.current.set(handler);
                fiber.resume();
                drop(fiber);
                self.after(handler)?;
            } else {
                // Somebody else has continued it.
                self.strays.borrow_mut().push(handler);
            }
        }
        Ok(())
    }

    fn look_after_strays(&self) {
        let strays = self.strays.take();
        for handler in strays {
            let fiber = self.handlers.borrow().get(handler).map(|handler| handler.fiber.share());
            let Some(fiber) = fiber else { continue };
            let is_parked = self.handlers.borrow().get(handler).is_some_and(|handler| handler.is_parked.get());
            if is_parked {
                continue;
            }
            if fiber.is_terminated() {
                drop(fiber);
                self.remove(handler);
            } else if fiber.is_suspended() {
                self.yielded.borrow_mut().push_back(handler);
            } else {
                self.strays.borrow_mut().push(handler);
            }
        }
    }

    fn has_work(&self) -> bool {
        self.parking.ready_len() > 0 || (self.stop_requested.get() && self.deadline.get().is_none())
    }

    fn sleep(&self, knows_end: bool) -> Result<(), Leaving> {
        if self.has_work() {
            return Ok(());
        }
        let mask = signals::block();
        // From here on a signal waits until `signals::sleep` lets it through.
        self.dispatcher.dispatch();
        if signals::is_interrupted() || exception::is_pending() || self.has_work() {
            signals::unblock(&mask);
            signals::handle_interrupt();
            return exception::settle();
        }
        let mut woken = Woken::Awake;
        if self.shared.incidents.fall_asleep(knows_end) {
            let deadline = self.deadline.get().filter(|deadline| *deadline > Instant::now());
            let until = self.parking.next_timer().into_iter().chain(deadline).min();
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let pause = (!self.yielded.borrow().is_empty()).then_some(YIELD_PAUSE);
            let timeout = timeout.into_iter().chain(pause).min();
            woken = signals::sleep(self.shared.incidents.doorbell(), timeout, &mask);
            self.shared.incidents.awake();
        }
        signals::unblock(&mask);
        if woken == Woken::Interrupted {
            signals::handle_interrupt();
        }
        exception::settle()
    }
}
