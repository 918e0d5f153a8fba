//! The class `FASTAPI\WebSocket\WebSocketConnection` as PHP sees it: one client, in a handler or out of
//! `getConnections()`.

use std::sync::Arc;

use ext_php_rs::args::Arg;
use ext_php_rs::builders::{ClassBuilder, FunctionBuilder};
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::error::php_error;
use ext_php_rs::flags::{DataType, ErrorType, MethodFlags};
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use ext_php_rs::zend::{ExecuteData, ce};
use server::{ClientMessage, Disconnect, frames};

use crate::client::{Client, Next};
use crate::connection_object::{self, Connection, MAX_ANSWERS_AFTER_END, WebSocketConnection};
use crate::declaring;
use crate::exception::{self, guard};
use crate::globals::GLOBALS;
use crate::limits;
use crate::zend;

/// What PHP allocates for an element of an array and its two strings, in addition to their bytes.
const HEADER_BYTES: usize = 128;

/// Registers the class.
pub(crate) fn register() -> Result<(), ext_php_rs::error::Error> {
    let method = |name: &str, handler| FunctionBuilder::new(name, handler);
    let untyped = |name: &str| Arg::new(name, DataType::Undef);
    let public = MethodFlags::Public;
    ClassBuilder::new(WebSocketConnection::CLASS_NAME)
        .method(method("__construct", construct).arg(untyped("socket")), public)
        .method(method("handshake", is_open), public)
        .method(method("read", read), public)
        .method(method("send", send).arg(untyped("message")), public)
        .method(method("close", close), public)
        .method(method("isConnected", is_connected), public)
        .method(method("getPath", path), public)
        .method(method("getHeaders", headers), public)
        .method(method("getHeader", header).arg(untyped("name")), public)
        .method(method("isBinary", is_binary), public)
        .method(method("sendBinary", send_binary).arg(untyped("message")), public)
        .registration(|class, parameters| {
            declaring::untype_parameters(class);
            connection_object::install(class);
            WebSocketConnection::get_metadata().set_ce(class);
            WebSocketConnection::get_metadata().set_arg_info(parameters);
        })
        .register()
}

/// `__construct($socket)`: an object that the script makes has no client. The argument is ignored.
extern "C" fn construct(call: &mut ExecuteData, _returned: &mut Zval) {
    if zend::argument(call, 0).is_none() {
        zend::throw_argument_count_error(1, 1);
    }
}

/// `handshake()`: the server has done it before there is an object.
extern "C" fn is_open(call: &mut ExecuteData, returned: &mut Zval) {
    let client = connection_object::of(call).and_then(|connection| connection.client.as_ref());
    returned.set_bool(client.is_some_and(|client| client.is_open()));
}

/// `read()`: the next message, or null when there will be none.
extern "C" fn read(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(connection) = connection_object::of(call) else { return };
    let Some(client) = connection.client.clone() else { return };
    connection.answers_left.set(MAX_ANSWERS_AFTER_END);
    guard(|| {
        let next = match GLOBALS.get().event_loop() {
            Some(event_loop) => event_loop.next_message(&client),
            None => client.next(None),
        };
        connection.is_binary.set(false);
        let (bytes, is_binary) = match &next {
            Next::Message(ClientMessage::Text(text)) => (text.as_bytes(), false),
            Next::Message(ClientMessage::Binary(bytes)) => (bytes.as_slice(), true),
            Next::End | Next::Wait => return,
        };
        if limits::allow_message(bytes.len()) {
            connection.is_binary.set(is_binary);
            returned.set_zend_string(ZendStr::new(bytes, false));
        } else {
            let length = bytes.len();
            drop(next);
            close_for_memory(&client, "a message", length);
        }
    });
}

/// `send($message)`: true when the message is on its way.
extern "C" fn send(call: &mut ExecuteData, returned: &mut Zval) {
    send_encoded(call, returned, |bytes| match str::from_utf8(bytes) {
        Ok(text) => Some(frames::encode_text(text)),
        Err(_) => {
            php_error(
                &ErrorType::Warning,
                "the message is not valid UTF-8 and was not sent: sendBinary() sends any bytes",
            );
            None
        }
    });
}

/// `sendBinary($message)`: the same with any bytes.
extern "C" fn send_binary(call: &mut ExecuteData, returned: &mut Zval) {
    send_encoded(call, returned, |bytes| Some(frames::encode_binary(bytes)));
}

fn send_encoded(call: &mut ExecuteData, returned: &mut Zval, encode: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
    returned.set_bool(false);
    let Some(value) = zend::argument(call, 0) else {
        zend::throw_argument_count_error(1, 1);
        return;
    };
    let converted;
    let message = match value.zend_str() {
        Some(message) => message,
        None if is_convertible(value) => match zend::to_string(value) {
            Some(text) => {
                converted = text;
                &*converted
            }
            None => return,
        },
        None => {
            exception::throw_argument_type_error(1, "string", &zend::type_name(value));
            return;
        }
    };
    let Some(client) = connection_object::of(call).and_then(|connection| connection.client.as_ref()) else { return };
    guard(|| {
        if client.is_open() {
            returned.set_bool(encode(message.as_bytes()).is_some_and(|frame| client.send(frame)));
        }
    });
}

/// Whether PHP converts the value to a string without a complaint.
fn is_convertible(value: &Zval) -> bool {
    value.is_scalar() || value.is_null() || value.object().is_some_and(|object| object.instance_of(ce::stringable()))
}

/// `close()`
extern "C" fn close(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(client) = connection_object::of(call).and_then(|connection| connection.client.as_ref()) else { return };
    guard(|| {
        let readers = client.close(Disconnect::Closed);
        if let Some(event_loop) = GLOBALS.get().event_loop() {
            event_loop.forget(client, readers);
        }
    });
}

/// `isConnected()`
///
/// A client that has left counts as connected while messages of it wait to be read, so that a loop on `isConnected()`
/// reads them all. But only a few times without a `read()` between: a loop that does not read must end.
extern "C" fn is_connected(call: &mut ExecuteData, returned: &mut Zval) {
    let answer = |connection: &Connection| {
        let Some(client) = &connection.client else { return false };
        if client.is_open() {
            return true;
        }
        let left = connection.answers_left.get();
        connection.answers_left.set(left.saturating_sub(1));
        left > 0 && client.has_unread()
    };
    returned.set_bool(connection_object::of(call).is_some_and(answer));
}

/// Closes a client for whose bytes PHP has no memory, and reports it. The script and the other clients continue.
fn close_for_memory(client: &Arc<Client>, what: &str, bytes: usize) {
    let readers = client.close(Disconnect::Overloaded);
    if let Some(event_loop) = GLOBALS.get().event_loop() {
        event_loop.forget(client, readers);
        event_loop.limits().report_value(what, bytes);
    }
}

/// Whether so much of a client's request can become values of PHP. Otherwise the client is closed, and an exception is
/// pending, since any other value would be wrong.
fn allow_request(client: &Arc<Client>, what: &str, bytes: usize) -> bool {
    if limits::allow_request(bytes) {
        return true;
    }
    guard(|| {
        close_for_memory(client, what, bytes);
        if !exception::is_pending() {
            exception::throw(&format!("{what} of {bytes} bytes would exceed memory_limit"));
        }
    });
    false
}

/// `getPath()`: the request target as sent.
extern "C" fn path(call: &mut ExecuteData, returned: &mut Zval) {
    let client = connection_object::of(call).and_then(|connection| connection.client.as_ref());
    let path = client.map_or("/", |client| &client.path);
    if client.is_none_or(|client| allow_request(client, "the path", path.len())) {
        returned.set_zend_string(ZendStr::new(path, false));
    }
}

/// `getHeaders()`: name => value; of a header that was sent twice, the last.
extern "C" fn headers(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let client = connection_object::of(call).and_then(|connection| connection.client.as_ref());
    let bytes = |client: &Arc<Client>| {
        let lengths = client.headers.iter().map(|(name, value)| name.len() + value.as_bytes().len() + HEADER_BYTES);
        lengths.sum::<usize>()
    };
    if !client.is_none_or(|client| allow_request(client, "the headers", bytes(client))) {
        return;
    }
    let mut table = ZendHashTable::new();
    for (name, value) in client.iter().flat_map(|client| &client.headers) {
        let mut text = Zval::new();
        text.set_zend_string(ZendStr::new(value.as_bytes(), false));
        // It refuses only keys that cannot be the name of a header.
        let _ = table.insert(name.as_str(), text);
    }
    returned.set_hashtable(table);
}

/// `getHeader($name)`: by its name as sent, else in any case.
extern "C" fn header(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(name) = zend::argument(call, 0) else {
        zend::throw_argument_count_error(1, 1);
        return;
    };
    if !is_convertible(name) {
        exception::throw_argument_type_error(1, "string", &zend::type_name(name));
        return;
    }
    let Some(name) = zend::to_string(name) else { return };
    let Some(client) = connection_object::of(call).and_then(|connection| connection.client.as_ref()) else { return };
    let headers = || client.headers.iter().rev();
    let exact = headers().find(|(given, _)| given.as_bytes() == name.as_bytes());
    let found = exact.or_else(|| headers().find(|(given, _)| given.as_bytes().eq_ignore_ascii_case(name.as_bytes())));
    if let Some(value) = found.map(|(_, value)| value.as_bytes())
        && allow_request(client, "a header", value.len())
    {
        returned.set_zend_string(ZendStr::new(value, false));
    }
}

/// `isBinary()`: whether the last message of `read()` was binary.
extern "C" fn is_binary(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_bool(connection_object::of(call).is_some_and(|connection| connection.is_binary.get()));
}
