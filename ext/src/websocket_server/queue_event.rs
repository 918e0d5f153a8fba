//! `queueEvent()` and `lastError()`: a complete entry in the queue and true, or false and a reason that is kept. Does
//! not encode and does not write by itself.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;
use queue::{EnqueueError, Writer};

use crate::globals::GLOBALS;
use crate::ini;
use crate::json::{self, Refusal};
use crate::queue_path;
use crate::zend;

/// `queueEvent($queuePath, $event, $payload = null)`: true when the event is in the queue.
pub(super) extern "C" fn queue_event(call: &mut ExecuteData, returned: &mut Zval) {
    let (Some(path), Some(name)) = (zend::argument(call, 0), zend::argument(call, 1)) else {
        zend::throw_argument_count_error(2, 3);
        return;
    };
    let null = Zval::null();
    let payload = zend::argument(call, 2).unwrap_or(&null);

    let outcome = catch_unwind(AssertUnwindSafe(|| enqueue(path, name, payload)))
        .unwrap_or_else(|panic| Err(Refusal::Reason(format!("internal error: {}", panic_text(&*panic)))));
    match outcome {
        Ok(()) => {
            GLOBALS.get().set_last_error(None);
            returned.set_bool(true);
        }
        Err(Refusal::Reason(reason)) => {
            GLOBALS.get().set_last_error(Some(reason));
            returned.set_bool(false);
        }
        Err(Refusal::Thrown) => {}
    }
}

/// `lastError(): ?string`: why the last `queueEvent()` of this request returned false.
pub(super) extern "C" fn last_error(_call: &mut ExecuteData, returned: &mut Zval) {
    let copied =
        GLOBALS.get().with_last_error(|reason| reason.is_some_and(|text| returned.set_string(text, false).is_ok()));
    if !copied {
        returned.set_null();
    }
}

fn enqueue(path: &Zval, name: &Zval, payload: &Zval) -> Result<(), Refusal> {
    // PHP code runs in these three, and a fatal error in it jumps over this frame without running destructors. Until
    // they are done, only memory that PHP frees by itself may be held.
    let path = queue_path::to_string(path)?;
    let name = json::encode_name(name)?;
    let payload = json::encode_payload(payload)?;

    let path = queue_path::resolve(&path).map_err(Refusal::Reason)?;
    let globals = GLOBALS.get();
    globals.reseed_in_fork().map_err(|error| Refusal::Reason(format!("no name for the entry: {error}")))?;
    Writer::new(path)
        .durability(globals.durability.get())
        .max_event_bytes(globals.max_event_bytes.get())
        .enqueue(name.as_bytes(), payload.as_bytes())
        .map(|_name| ())
        .map_err(|error| Refusal::Reason(explain(&error)))
}

fn explain(error: &EnqueueError) -> String {
    match error {
        EnqueueError::TooLarge { .. } => format!("{error} set by {}", ini::MAX_EVENT_BYTES),
        _ => error.to_string(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
