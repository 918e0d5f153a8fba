//! `WebSocketServer::start()`: from what the script has set to a server that runs, and back.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::rc::Rc;
use std::sync::Arc;

use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;
use queue::url_without_secrets;
use server::BindError;
use server::config::Settings;
use server::{AnsweredPaths, Config, Limits};

use crate::descriptors::{self, FD_SETSIZE};
use crate::event_loop::EventLoop;
use crate::exception::{self, guard};
use crate::fiber;
use crate::globals::{GLOBALS, Globals};
use crate::ini;
use crate::server_thread::ServerThread;
use crate::shared::Shared;
use crate::stack_size::LargeStacks;
use crate::zend;

/// How long clients may take to answer a close frame when the server stops.
const SHUTDOWN_GRACE_SECS: f64 = 2.0;

/// `start()`: blocks until `stop()`.
pub(super) extern "C" fn start(_call: &mut ExecuteData, returned: &mut Zval) {
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
        if !globals.is_in_request() {
            exception::throw("WebSocketServer::start() cannot run when the script has ended");
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
        zend::print(&format!("WebSocket server started on ws://{}:{}\n", in_url(&host), running.server.address.port()));
        let enlarged = LargeStacks::new();
        let _ = exception::report_pending().and_then(|()| running.run());
        drop(enlarged);
        // From here on PHP code finds no server. Handlers that still wait are unwound.
        globals.set_event_loop(None);
        let mut outcome = Ok(());
        exception::set_aside(|| outcome = running.finish());
        if let Err(error) = outcome
            && !exception::is_pending()
        {
            exception::throw_with_cause("The WebSocket server has failed", &error.to_string());
        }
    });
}

/// A host as it is written in a URL: an IPv6 address is in brackets.
fn in_url(host: &str) -> Cow<'_, str> {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]").into() } else { host.into() }
}

/// A host as it is bound: without the brackets of a URL.
fn to_bind(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()).unwrap_or(host)
}

/// Starts the server. None if that is not possible, and an exception says why.
fn build(globals: &Globals) -> Option<EventLoop> {
    let (host, port) = {
        let settings = globals.server.borrow();
        (settings.host.clone(), settings.port.clone())
    };
    let refuse = |cause: &str| {
        let host = url_without_secrets(&host);
        let url_host = in_url(&host);
        exception::throw_with_cause(&format!("Failed to bind WebSocket to {url_host}:{port}"), cause);
    };
    let Ok(number) = port.trim().parse::<u16>() else {
        refuse("the port must be a number from 0 to 65535");
        return None;
    };
    // Before anything of the server is opened.
    descriptors::fill_standard();
    let started = configure(globals, to_bind(&host).to_owned(), number).and_then(|mut config| {
        let shared = Arc::new(Shared::new(globals.routes().paths()).map_err(BindError::from)?);
        let answering = shared.clone();
        config.admission.answered = AnsweredPaths::new(move |target| answering.has_handler(target));
        Ok((ServerThread::start(config, &shared)?, shared))
    });
    match started {
        Ok((serving, shared)) => Some(EventLoop::new(serving, shared, globals.client_relay.get(), globals.routes())),
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
    #[error("{0}")]
    Setting(String),
    #[error(transparent)]
    Bind(#[from] BindError),
}

fn configure(globals: &Globals, host: String, port: u16) -> Result<Config, StartError> {
    let max_event_bytes = globals.max_event_bytes.get();
    let (max_message_bytes, max_outbox_bytes) = (globals.max_message_bytes.get(), globals.max_outbox_bytes.get());
    let log_bytes = Limits::DEFAULT_LOG_BYTES.max(Limits::min_log_bytes(max_event_bytes as u64));
    let settings = Settings {
        queue: globals.server.borrow().queue.clone(),
        host: Some(host),
        port: Some(port),
        max_event_bytes: Some(max_event_bytes as u64),
        log_bytes: Some(log_bytes as usize),
        max_connections: Some(globals.max_connections.get()),
        max_message_bytes: Some(max_message_bytes),
        max_messages_per_sec: Some(globals.max_messages_per_sec.get()),
        max_bytes_per_sec: Some(globals.max_bytes_per_sec.get()),
        max_outbox_bytes: Some(max_outbox_bytes),
        // Who raises what one client may use does not expect to have to raise this as well.
        max_memory: Some(globals.max_memory.get().max(max_outbox_bytes).max(max_message_bytes)),
        // PHP's own thread is the one that is busy.
        hub_threads: Some(1),
        relay_client_events: Some(globals.client_relay.get()),
        shutdown_grace_secs: Some(SHUTDOWN_GRACE_SECS),
        ..Settings::default()
    };
    let given = ini::given_for_start().map_err(StartError::Setting)?;
    let mut config = settings.or(given).resolve().map_err(|error| StartError::Setting(ini::explain(&error)))?;
    config.admission.first_descriptor = FD_SETSIZE;
    Ok(config)
}
