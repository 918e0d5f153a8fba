//! The members of `WebSocketServer` that serve clients: the one instance, what it is set to, and what can be done while it
//! runs. [`crate::start`] runs it.

use ext_php_rs::class::RegisteredClass;
use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;
use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData};
use server::Publication;

use crate::exception::{self, guard};
use crate::globals::GLOBALS;
use crate::json::{self, Refusal};
use crate::limits;
use crate::queue_path;
use crate::websocket_server::WebSocketServer;
use crate::zend;

/// The static property that holds the one instance.
pub(crate) const INSTANCE: &str = "instance";
/// The property that keeps what `getInstance()` was given.
pub(crate) const APP: &str = "app";

fn class() -> &'static ClassEntry {
    WebSocketServer::get_metadata().ce()
}

/// `__construct(?App $app = null)`, private.
pub(crate) extern "C" fn construct(call: &mut ExecuteData, _returned: &mut Zval) {
    let Some(app) = app_argument(call) else { return };
    if let Some(this) = call.This.object_mut() {
        zend::set_property(class(), this, APP, &app);
    }
}

/// `__clone()`, private: there is one server.
pub(crate) extern "C" fn clone(_call: &mut ExecuteData, _returned: &mut Zval) {}

/// `__wakeup()`
pub(crate) extern "C" fn wakeup(_call: &mut ExecuteData, _returned: &mut Zval) {
    exception::throw("Cannot unserialize a singleton.");
}

/// `getInstance(?App $app = null)`: the same object each time.
pub(crate) extern "C" fn get_instance(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(app) = app_argument(call) else { return };
    let known = zend::static_property(class(), INSTANCE).filter(|instance| instance.is_object());
    if let Some(instance) = known {
        *returned = instance.shallow_clone();
        return;
    }
    let mut object = ZendObject::new(class());
    zend::set_property(class(), &mut object, APP, &app);
    let mut instance = Zval::new();
    instance.set_object(&mut object);
    zend::set_static_property(class(), INSTANCE, &mut instance);
    *returned = instance;
}

/// The optional first argument, an object or null. None if another was given, and an exception is pending.
fn app_argument(call: &ExecuteData) -> Option<Zval> {
    match zend::argument(call, 0) {
        None => Some(Zval::null()),
        Some(app) if app.is_null() || app.is_object() => Some(app.shallow_clone()),
        Some(other) => {
            exception::throw_argument_type_error(1, "?FASTAPI\\App", &zend::type_name(other));
            None
        }
    }
}

/// `on($path, callable $handler)`
pub(crate) extern "C" fn on(call: &mut ExecuteData, returned: &mut Zval) {
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
        // That may run a destructor, which may call any of these methods.
        drop(replaced);
    });
    return_this(call, returned);
}

/// `port($port)`
pub(crate) extern "C" fn port(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(port) = only_argument(call) else { return };
    GLOBALS.get().server.borrow_mut().port = port;
    return_this(call, returned);
}

/// `host($host)`
pub(crate) extern "C" fn host(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(host) = only_argument(call) else { return };
    GLOBALS.get().server.borrow_mut().host = host;
    return_this(call, returned);
}

/// `eventQueue($path)`: the directory is created if it is missing. What is wrong with the directory, `start()` tells as well.
pub(crate) extern "C" fn event_queue(call: &mut ExecuteData, returned: &mut Zval) {
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
pub(crate) extern "C" fn stop(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    guard(|| {
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            event_loop.request_stop();
        }
    });
}

/// `isRunning()`
pub(crate) extern "C" fn is_running(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_bool(GLOBALS.get().event_loop().is_some_and(|event_loop| event_loop.is_running()));
}

/// `broadcast($event, $payload = null)`
pub(crate) extern "C" fn broadcast(call: &mut ExecuteData, returned: &mut Zval) {
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
pub(crate) extern "C" fn get_connection_count(_call: &mut ExecuteData, returned: &mut Zval) {
    let count = GLOBALS.get().event_loop().map_or(0, |event_loop| event_loop.client_count());
    returned.set_long(i64::try_from(count).unwrap_or(i64::MAX));
}

/// `getConnections()`: in the order they came.
pub(crate) extern "C" fn get_connections(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    guard(|| {
        let clients = GLOBALS.get().event_loop().map(|event_loop| event_loop.clients()).unwrap_or_default();
        if !limits::allow_connections(clients.len()) {
            // Some of them would be taken for all.
            exception::throw(&format!("an array of {} connections would exceed memory_limit", clients.len()));
            return;
        }
        let mut connections = ZendHashTable::new();
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            for client in &clients {
                // An array that fits in memory takes every value.
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
