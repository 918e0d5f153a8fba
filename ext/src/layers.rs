//! A layer for each handler: its own output buffers, error handlers and exception handlers, separate from those of the
//! script and of other handlers. `layers.c` does the work; this file calls it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, resume_unwind};

use ext_php_rs::ffi::{php_output_end_all, zend_object, zend_ulong};
use ext_php_rs::zend::{CatchError, bailout, try_catch};

use crate::exception::{self, ScriptEnd};
use crate::fiber::Fiber;

/// The script's own layer.
const SCRIPT: zend_ulong = 0;

thread_local! {
    /// How many layers were made. A number is never used again, since a Fiber keeps it as long as it exists.
    static COUNT: Cell<zend_ulong> = const { Cell::new(0) };
}

/// The layer of one handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer(zend_ulong);

/// Lets the engine call us at each switch. Called once, when PHP loads the library and will not unload it.
pub(crate) fn install() {
    // SAFETY: no other thread runs while modules are started.
    unsafe { fastapi_websocket_layers_install() };
}

/// Whether the running code cannot be left, because it writes to a buffer of the script, which other handlers use as
/// well.
pub(crate) fn is_output_busy() -> bool {
    // SAFETY: reads what belongs to this thread.
    unsafe { fastapi_websocket_layers_is_output_busy() }
}

/// Releases values that could not be released when a Fiber was left. May run PHP code.
pub(crate) fn release_deferred() {
    // SAFETY: PHP code may run here.
    unsafe { fastapi_websocket_layers_release_deferred() };
}

/// Releases all layers at the end of a request.
pub(crate) fn reset() {
    // SAFETY: called while the engine can still release values.
    unsafe { fastapi_websocket_layers_reset() };
}

impl Layer {
    /// A layer for a handler whose Fiber was not started.
    pub(crate) fn begin(fiber: &Fiber) -> Layer {
        let id = COUNT.get() + 1;
        COUNT.set(id);
        // SAFETY: the object is a Fiber.
        unsafe { fastapi_websocket_layer_begin(fiber.address().cast_mut(), id) };
        Layer(id)
    }

    /// Reports the exception that the handler left, if it did, as [`exception::report_pending`] does, but with the
    /// handler's own error handlers and into its own buffers.
    ///
    /// # Errors
    /// When the script is ending.
    pub(crate) fn report_pending(self) -> Result<(), ScriptEnd> {
        if exception::is_pending() { self.within(exception::report_pending) } else { Ok(()) }
    }

    /// The handler has ended: buffers that it left open are sent, as at the end of a script.
    ///
    /// # Errors
    /// When the script is ending.
    pub(crate) fn end(self) -> Result<(), ScriptEnd> {
        // SAFETY: reads what belongs to this thread.
        if !unsafe { fastapi_websocket_layer_is_kept(self.0) } {
            return Ok(());
        }
        self.within(|| {
            // SAFETY: as the engine does when a script has ended. It may call PHP code.
            unsafe { php_output_end_all() };
            exception::report_pending()
        })?;
        self.discard();
        exception::report_pending()
    }

    /// Leaves the handler's buffers to the script, whose end sends them.
    pub(crate) fn merge(self) {
        // SAFETY: the script's layer is in force.
        unsafe { fastapi_websocket_layer_merge(self.0) };
    }

    /// Forgets the handler's buffers and error handlers, without a call of their callbacks.
    pub(crate) fn discard(self) {
        // SAFETY: the script's layer is in force, and the handler's code does not run again.
        unsafe { fastapi_websocket_layer_discard(self.0) };
    }

    /// Runs something outside of the handler's Fiber with its layer in force. When the script is ending, the handler's
    /// buffers are left to it.
    fn within(self, run: impl FnOnce() -> Result<(), ScriptEnd>) -> Result<(), ScriptEnd> {
        // SAFETY: the script's layer comes into force again, also after a fatal error.
        unsafe { fastapi_websocket_layer_change(self.0) };
        let outcome = try_catch(AssertUnwindSafe(run));
        // SAFETY: as above.
        unsafe { fastapi_websocket_layer_change(SCRIPT) };
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(end)) => {
                self.merge();
                Err(end)
            }
            Err(CatchError::Bailout) => {
                self.merge();
                // SAFETY: continues the fatal error that was caught. No frame here holds anything.
                unsafe { bailout() }
            }
            Err(error) => resume_unwind(Box::new(error.to_string())),
        }
    }
}

unsafe extern "C" {
    fn fastapi_websocket_layers_install();
    fn fastapi_websocket_layer_begin(fiber: *mut zend_object, id: zend_ulong);
    fn fastapi_websocket_layer_change(id: zend_ulong);
    fn fastapi_websocket_layer_is_kept(id: zend_ulong) -> bool;
    fn fastapi_websocket_layer_merge(id: zend_ulong);
    fn fastapi_websocket_layer_discard(id: zend_ulong);
    fn fastapi_websocket_layers_release_deferred();
    fn fastapi_websocket_layers_is_output_busy() -> bool;
    fn fastapi_websocket_layers_reset();
}
