//! How calls wait: `read()` and the sleeping functions leave the running code until it is continued. They may be called
//! anywhere in a handler.

use std::time::Instant;

use super::{EventLoop, Handler, Waiter, YIELD_PAUSE};
use crate::client::{Client, Next};
use crate::exception;
use crate::fiber::{self, Context};
use crate::layers;
use crate::signals;
use crate::waiters::WaiterId;

impl EventLoop {
    /// Waits for a client's next message.
    pub(crate) fn next_message(&self, client: &Client) -> Next {
        loop {
            match client.next(None) {
                Next::Wait => {}
                found => return found,
            }
            if !self.can_wait() {
                return self.block_for_message(client);
            }
            let id = self.begin_wait();
            match client.next(Some(id)) {
                Next::Wait => {
                    self.suspend(id);
                    client.forget_reader(id);
                    self.waiters.remove(id);
                }
                found => {
                    self.waiters.remove(id);
                    return found;
                }
            }
            if exception::is_pending() {
                return Next::End;
            }
        }
    }

    /// Waits until a time; other handlers continue. Returns early when the server stops or an exception is pending.
    /// False if the running code cannot be left here.
    pub(crate) fn wait_until(&self, time: Instant) -> bool {
        if !self.can_wait() {
            return false;
        }
        let id = self.begin_wait();
        self.waiters.wake_at(time, id);
        let was_stopping = self.stop_requested.get();
        loop {
            self.suspend(id);
            let early = Instant::now() < time && was_stopping == self.stop_requested.get();
            if exception::is_pending() || !early || self.waiters.get(id).is_none() {
                break;
            }
        }
        self.waiters.remove(id);
        true
    }

    fn can_wait(&self) -> bool {
        fiber::can_switch()
            && Context::current() != self.context
            && !layers::is_output_busy()
            && !self.server.was_forked()
    }

    /// Prepares to leave the running code. Must be followed by [`Self::suspend`] or by a removal of the waiter.
    fn begin_wait(&self) -> WaiterId {
        let handler = self.current.get();
        let active = fiber::active();
        let handlers = self.handlers.borrow();
        let is_active = |handler: &Handler| std::ptr::eq(handler.fiber.address(), active);
        let waiter = if handlers.get(handler).is_some_and(is_active) {
            Waiter { handler, inside: None }
        } else if let Some((handler, _)) = handlers.iter().find(|(_, handler)| is_active(handler)) {
            Waiter { handler, inside: None }
        } else {
            Waiter { handler, inside: Some(Context::current()) }
        };
        self.waiters.add(waiter)
    }

    /// Leaves the running code until it is continued, by the loop or by the script itself.
    fn suspend(&self, id: WaiterId) {
        let Some(waiter) = self.waiters.get(id) else { return };
        if waiter.inside.is_some() {
            // A Fiber that the script has made inside the handler. The whole handler waits.
            self.context.switch_to();
        } else {
            self.set_waiting(waiter.handler, true);
            self.methods.suspend();
            self.set_waiting(waiter.handler, false);
        }
        if self.continued.replace(None) != Some(id) {
            self.continued_elsewhere.borrow_mut().push(waiter.handler);
        }
    }

    fn set_waiting(&self, handler: usize, is_waiting: bool) {
        if let Some(handler) = self.handlers.borrow().get(handler) {
            handler.is_waiting.set(is_waiting);
        }
    }

    /// Waits for a message where the running code cannot be left: in a signal handler, or in code that the loop itself
    /// has called. All handlers wait with it.
    fn block_for_message(&self, client: &Client) -> Next {
        loop {
            match client.next(None) {
                Next::Wait => {}
                found => return found,
            }
            // The loop does the same, but it waits as well.
            self.dispatcher.dispatch();
            if exception::is_pending() {
                return Next::End;
            }
            let mask = signals::block();
            if !signals::is_interrupted() {
                // A reader without an id gets no notification, so it looks again and again.
                signals::sleep(self.shared.notifications.notifier(), Some(YIELD_PAUSE), &mask);
            }
            signals::unblock(&mask);
            signals::handle_interrupt(&self.methods);
            if exception::is_pending() || self.server.was_forked() {
                return Next::End;
            }
        }
    }
}
