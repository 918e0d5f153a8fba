//! The methods of `WebSocketServer` that set the server up, and those that can be called while it runs.
//! [`super::start`] runs it.

use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;
use ext_php_rs::types::{ZendHashTable, Zval};
use ext_php_rs::zend::ExecuteData;
use server::Publication;

use crate::exception::{self, guard};
use crate::globals::GLOBALS;
use crate::json::{self, Refusal};
use crate::limits;
use crate::queue_path;
use crate::zend;

/// `on($path, callable $handler)`
pub(super) extern "C" fn on(call: &mut ExecuteData, returned: &mut Zval) {
    let (Some(path), Some(handler)) = (zend::argument(call, 0), zend::argument(call, 1)) else {
        zend::throw_argument_count_error(2, 2);
        return;
    };
    if !handler.is_callable() {
        exception::throw_argument_type_error(2, "callable", &zend::type_name(handler));
        return;
    }
    let handler = handler.shallow_clone();
    let Some(path) = text(path, 1) else { return };
    guard(|| {
        let globals = GLOBALS.get();
        let replaced = globals.set_handler(path.clone(), handler);
        if let Some(event_loop) = globals.event_loop() {
            event_loop.shared().add_path(path);
        }
        // This may run a destructor, which may call any of these methods.
        drop(replaced);
    });
    return_this(call, returned);
}

/// `port($port)`
pub(super) extern "C" fn port(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(port) = only_argument(call) else { return };
    GLOBALS.get().server.borrow_mut().port = port;
    return_this(call, returned);
}

/// `host($host)`
pub(super) extern "C" fn host(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(host) = only_argument(call) else { return };
    GLOBALS.get().server.borrow_mut().host = host;
    return_this(call, returned);
}

/// `eventQueue($path)`: the directory is created if it is missing. If that fails, this warns, and `start()` throws.
pub(super) extern "C" fn event_queue(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(path) = zend::argument(call, 0) else {
        zend::throw_argument_count_error(1, 1);
        return;
    };
    let problem = match queue_path::to_string(path) {
        Err(Refusal::Thrown) => return,
        Err(Refusal::Reason(reason)) => Some(reason),
        Ok(path) => match queue_path::resolve(&path) {
            Err(reason) => Some(reason),
            Ok(path) => {
                let created = queue::create_directory(&path);
                let problem =
                    created.err().map(|cause| queue::EnqueueError::create_directory(path.clone(), cause).to_string());
                GLOBALS.get().server.borrow_mut().queue = Some(path);
                problem
            }
        },
    };
    if let Some(problem) = problem {
        php_error(&ErrorType::Warning, &queue::printable(&problem));
    }
    return_this(call, returned);
}

/// `stop()`
pub(super) extern "C" fn stop(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    guard(|| {
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            event_loop.request_stop();
        }
    });
}

/// `isRunning()`
pub(super) extern "C" fn is_running(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_bool(GLOBALS.get().event_loop().is_some_and(|event_loop| event_loop.is_running()));
}

/// `broadcast($event, $payload = null)`
pub(super) extern "C" fn broadcast(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(event) = zend::argument(call, 0) else {
        zend::throw_argument_count_error(1, 2);
        return;
    };
    let null = Zval::null();
    let payload = zend::argument(call, 1).unwrap_or(&null);
    let encoded = json::encode_name(event).and_then(|event| Ok((event, json::encode_payload(payload)?)));
    match encoded {
        Err(Refusal::Thrown) => {}
        Err(Refusal::Reason(reason)) => php_error(&ErrorType::Warning, &format!("nothing was sent: {reason}")),
        Ok((event, payload)) => guard(|| {
            let Some(event_loop) = GLOBALS.get().event_loop().filter(|event_loop| event_loop.is_running()) else {
                return;
            };
            // PHP's encoder writes UTF-8 only.
            let (Ok(event), Ok(payload)) = (event.as_str(), payload.as_str()) else { return };
            event_loop.hub().publish(&Publication::now(event, payload));
        }),
    }
}

/// `getConnectionCount()`
pub(super) extern "C" fn get_connection_count(_call: &mut ExecuteData, returned: &mut Zval) {
    let count = GLOBALS.get().event_loop().map_or(0, |event_loop| event_loop.client_count());
    returned.set_long(i64::try_from(count).unwrap_or(i64::MAX));
}

/// `getConnections()`: in the order of connecting.
pub(super) extern "C" fn get_connections(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    guard(|| {
        let clients = GLOBALS.get().event_loop().map(|event_loop| event_loop.clients()).unwrap_or_default();
        if !limits::allow_connections(clients.len()) {
            // An array of some of them would look like all of them.
            exception::throw(&format!("an array of {} connections would exceed memory_limit", clients.len()));
            return;
        }
        let mut connections = ZendHashTable::new();
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            for client in &clients {
                // It fails only when the array has no more keys.
                let _ = connections.push(event_loop.object(client));
            }
        }
        returned.set_hashtable(connections);
    });
}

fn return_this(call: &mut ExecuteData, returned: &mut Zval) {
    if exception::is_pending() {
        return;
    }
    if let Some(this) = call.This.object_mut() {
        returned.set_object(this);
    }
}

/// The only argument as a string. None if there is none or it cannot be one, and an exception is pending.
fn only_argument(call: &ExecuteData) -> Option<String> {
    let Some(value) = zend::argument(call, 0) else {
        zend::throw_argument_count_error(1, 1);
        return None;
    };
    text(value, 1)
}

fn text(value: &Zval, number: u32) -> Option<String> {
    if value.is_array() {
        exception::throw_argument_type_error(number, "string", "array");
        return None;
    }
    zend::to_string(value).map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
}
