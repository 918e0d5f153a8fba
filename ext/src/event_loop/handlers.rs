//! The handler calls that have not returned: they are started, continued, checked after each run, and released.

use std::cell::Cell;
use std::sync::Arc;

use server::Disconnect;

use super::{EventLoop, Handler};
use crate::client::Client;
use crate::exception::{self, ScriptEnd};
use crate::layers::Layer;

impl EventLoop {
    pub(super) fn start_handler(&self, client: Arc<Client>) -> Result<(), ScriptEnd> {
        let callable = self.routes.find(&client.path);
        let Some(callable) = callable.filter(|_| !self.stop_requested.get()) else {
            client.finish_handling(self.relay);
            return Ok(());
        };
        if !self.limits.allow(self.handlers.borrow().len()) {
            client.finish_handling(false);
            client.close(Disconnect::Overloaded);
            return exception::report_pending();
        }
        let object = self.object(&client);
        let Some(fiber) = self.methods.make(&callable) else {
            client.finish_handling(self.relay);
            return exception::report_pending();
        };
        let running = fiber.share();
        let layer = Layer::begin(&fiber);
        let handler = Handler { fiber, client, layer, is_waiting: Cell::new(false) };
        let handler = self.handlers.borrow_mut().insert(handler);
        self.current.set(handler);
        running.start(&object);
        drop((object, callable));
        let refused = exception::is_pending() && !exception::is_script_ending() && {
            let mut is_started = true;
            exception::set_aside(|| is_started = running.is_started());
            !is_started
        };
        drop(running);
        if refused {
            exception::discard();
            return self.refuse(handler);
        }
        self.after(handler)
    }

    /// Disconnects a client whose handler could not be started.
    fn refuse(&self, handler: usize) -> Result<(), ScriptEnd> {
        let handler = self.handlers.borrow_mut().try_remove(handler);
        if let Some(handler) = handler {
            handler.client.finish_handling(false);
            handler.client.close(Disconnect::Overloaded);
            drop(handler.fiber);
        }
        self.limits.report_handler(self.handlers.borrow().len(), "the system has no memory for the stack of another");
        exception::report_pending()
    }

    /// Checks a handler that has just run: it has ended, waits, or has suspended itself.
    fn after(&self, handler: usize) -> Result<(), ScriptEnd> {
        let layer = self.handlers.borrow().get(handler).map(|handler| handler.layer);
        layer.map_or_else(exception::report_pending, Layer::report_pending)?;
        if self.server.was_forked() {
            // A fork that did not end in the handler has no server: `start()` returns in it.
            return Err(ScriptEnd);
        }
        let fiber = {
            let handlers = self.handlers.borrow();
            let Some(handler) = handlers.get(handler).filter(|handler| !handler.is_waiting.get()) else {
                return Ok(());
            };
            handler.fiber.share()
        };
        if fiber.is_terminated() {
            drop(fiber);
            return self.remove(handler);
        }
        if fiber.is_suspended() {
            self.yielded.borrow_mut().push_back(handler);
        }
        Ok(())
    }

    /// Releases a handler that has ended.
    fn remove(&self, handler: usize) -> Result<(), ScriptEnd> {
        let layer = self.handlers.borrow().get(handler).map(|handler| handler.layer);
        // It stays in `handlers` until then: PHP code that runs here may not return.
        layer.map_or(Ok(()), Layer::end)?;
        let handler = self.handlers.borrow_mut().try_remove(handler);
        if let Some(handler) = handler {
            handler.client.finish_handling(self.relay);
            drop(handler.fiber);
        }
        exception::report_pending()
    }

    pub(super) fn continue_ready(&self) -> Result<(), ScriptEnd> {
        // Calls that become ready during this continue in the next turn, after the notifications.
        for _ in 0..self.waiters.ready_len() {
            let Some(id) = self.waiters.next_ready() else { break };
            let Some(waiter) = self.waiters.get(id) else { continue };
            let fiber = self.handlers.borrow().get(waiter.handler).map(|handler| handler.fiber.share());
            self.current.set(waiter.handler);
            self.continued.set(Some(id));
            match (waiter.inside, fiber) {
                (Some(context), _) => context.switch_to(),
                (None, Some(fiber)) => fiber.resume(),
                (None, None) => continue,
            }
            self.after(waiter.handler)?;
        }
        Ok(())
    }

    pub(super) fn continue_yielded(&self) -> Result<(), ScriptEnd> {
        let count = self.yielded.borrow().len();
        for _ in 0..count {
            let Some(handler) = self.yielded.borrow_mut().pop_front() else { break };
            let fiber = {
                let handlers = self.handlers.borrow();
                let found = handlers.get(handler).filter(|handler| !handler.is_waiting.get());
                let Some(found) = found else { continue };
                found.fiber.share()
            };
            if fiber.is_suspended() {
                self.current.set(handler);
                fiber.resume();
                drop(fiber);
                self.after(handler)?;
            } else {
                // The script has continued it.
                self.continued_elsewhere.borrow_mut().push(handler);
            }
        }
        Ok(())
    }

    pub(super) fn check_continued_elsewhere(&self) -> Result<(), ScriptEnd> {
        let continued_elsewhere = self.continued_elsewhere.take();
        for handler in continued_elsewhere {
            let fiber = self.handlers.borrow().get(handler).map(|handler| handler.fiber.share());
            let Some(fiber) = fiber else { continue };
            let is_waiting = self.handlers.borrow().get(handler).is_some_and(|handler| handler.is_waiting.get());
            if is_waiting {
                continue;
            }
            if fiber.is_terminated() {
                drop(fiber);
                self.remove(handler)?;
            } else if fiber.is_suspended() {
                self.yielded.borrow_mut().push_back(handler);
            } else {
                self.continued_elsewhere.borrow_mut().push(handler);
            }
        }
        Ok(())
    }
}
