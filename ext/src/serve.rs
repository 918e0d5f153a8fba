//! The members of `WebSocketServer` that serve clients: the one instance, what it is set to, `start()` and what can be done
//! while it runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use ext_php_rs::class::RegisteredClass;
use ext_php_rs::error::php_error;
use ext_php_rs::flags::ErrorType;
use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData};
use server::config::Settings;
use server::origin::Rule;
use server::server::BindError;
use server::{Config, message};

use crate::event_loop::EventLoop;
use crate::exception;
use crate::fiber;
use crate::globals::{GLOBALS, Globals};
use crate::incidents::Shared;
use crate::json::{self, Refusal};
use crate::queue_path;
use crate::serving::Serving;
use crate::websocket_server::WebSocketServer;
use crate::zend;

/// The static property that holds the one instance.
pub(crate) const INSTANCE: &str = "instance";
/// The property that keeps what `getInstance()` was given.
pub(crate) const APP: &str = "app";

/// How long clients may take to answer a close frame when the server stops.
const SHUTDOWN_GRACE_SECS: f64 = 2.0;
/// The log holds at least two of the largest events.
const MIN_LOG_BYTES: usize = 16 * 1024 * 1024;

fn class() -> &'static ClassEntry {
    WebSocketServer::get_metadata().ce()
}

/// Runs a method's code. A panic in it becomes an `\Exception`, none may reach PHP.
fn guard(run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        exception::throw("internal error in fastapi_websocket");
    }
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

/// `eventQueue($path)`: the directory is created if it is missing. What is wrong with it, `start()` tells as well.
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
                    created.err().map(|error| format!("cannot create the queue directory {}: {error}", path.display()));
                GLOBALS.get().server.borrow_mut().queue = Some(path);
                problem
            }
        },
    };
    if let Some(problem) = problem {
        php_error(&ErrorType::Warning, &problem);
    }
    return_this(call, returned);
}

/// `start()`: blocks until `stop()`.
pub(crate) extern "C" fn start(_call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    guard(|| {
        let globals = GLOBALS.get();
        if let Some(event_loop) = globals.event_loop() {
            if !event_loop.is_running() {
                exception::throw("The WebSocket server is still stopping: start it again when start() has returned");
            }
            return;
        }
        if !zend::is_command_line() {
            exception::throw(
                "WebSocketServer::start() runs until it is stopped and works only in a script of the command line; \
                 in a web request use WebSocketServer::queueEvent()",
            );
            return;
        }
        if !fiber::can_switch() {
            exception::throw("WebSocketServer::start() cannot run in a signal handler or while objects are destroyed");
            return;
        }
        let Some(event_loop) = build(globals) else { return };
        let running = Rc::new(event_loop);
        globals.set_event_loop(Some(running.clone()));
        let host = globals.server.borrow().host.clone();
        zend::print(&format!("WebSocket server started on ws://{host}:{}\n", running.serving.address.port()));
        let _ = exception::settle().and_then(|()| running.run());
        // From here on PHP code finds no server: what still waits is unwound.
        globals.set_event_loop(None);
        let mut outcome = Ok(());
        exception::aside(|| outcome = running.finish());
        if let Err(error) = outcome
            && !exception::is_pending()
        {
            exception::throw_with_cause("The WebSocket server has failed", &error.to_string());
        }
    });
}

/// Starts the server. None if that is not possible, and an exception says why.
fn build(globals: &Globals) -> Option<EventLoop> {
    let (host, port) = {
        let settings = globals.server.borrow();
        (settings.host.clone(), settings.port.clone())
    };
    let refuse =
        |cause: &str| exception::throw_with_cause(&format!("Failed to bind WebSocket to {host}:{port}"), cause);
    let Ok(number) = port.trim().parse::<u16>() else {
        refuse("the port must be a number from 0 to 65535");
        return None;
    };
    let started = configure(globals, host.clone(), number).and_then(|config| {
        let shared = Arc::new(Shared::new(globals.handler_paths()).map_err(BindError::from)?);
        Ok((Serving::start(config, &shared)?, shared))
    });
    match started {
        Ok((serving, shared)) => Some(EventLoop::new(serving, shared, globals.client_relay.get())),
        Err(StartError::Bind(BindError::Listen { cause, .. })) => {
            refuse(&cause.to_string());
            None
        }
        Err(error) => {
            exception::throw(&format!("Failed to start the WebSocket server: {error}"));
            None
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] server::config::ConfigError),
    #[error(transparent)]
    Bind(#[from] BindError),
}

fn configure(globals: &Globals, host: String, port: u16) -> Result<Config, StartError> {
    let max_event_bytes = globals.max_event_bytes.get();
    let settings = Settings {
        queue: globals.server.borrow().queue.clone(),
        host: Some(host),
        port: Some(port),
        // As the original: any page on any path.
        allowed_origins: Some(vec![Rule::Any]),
        max_event_bytes: Some(max_event_bytes as u64),
        log_bytes: Some(MIN_LOG_BYTES.max(max_event_bytes.saturating_mul(2))),
        max_connections: Some(globals.max_connections.get()),
        max_message_bytes: Some(globals.max_message_bytes.get()),
        max_outbox_bytes: Some(globals.max_outbox_bytes.get()),
        relay_client_events: Some(globals.client_relay.get()),
        shutdown_grace_secs: Some(SHUTDOWN_GRACE_SECS),
        ..Settings::default()
    };
    Ok(settings.resolve()?)
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
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            // PHP's encoder writes UTF-8 only.
            let (Ok(event), Ok(payload)) = (event.as_str(), payload.as_str()) else { return };
            event_loop.hub().broadcast(&message::encode_broadcast(event, payload, now.as_secs().cast_signed()));
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
    let mut connections = ZendHashTable::new();
    guard(|| {
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            for client in event_loop.clients() {
                // An array that fits in memory takes every value.
                let _ = connections.push(event_loop.object(&client));
            }
        }
    });
    returned.set_hashtable(connections);
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
