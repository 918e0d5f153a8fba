//! `queueEvent()` and `lastError()`: a complete entry in the queue and true, or false and a reason that is kept. Does
//! not encode and does not write by itself.

use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;

use crate::globals::GLOBALS;
use crate::json::{self, Refusal};
use crate::producer;
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

    match producer::catch(|| enqueue(path, name, payload)) {
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

    let directory = queue_path::resolve(&path).map_err(Refusal::Reason)?;
    producer::producer(directory)?.enqueue(name.as_bytes(), payload.as_bytes()).map(|_queued| ())
}
