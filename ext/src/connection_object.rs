//! The PHP object of a client, and its class: what it holds, and the client that it stands for. The methods are in
//! [`crate::websocket_connection`].
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, OnceLock};

use ext_php_rs::class::RegisteredClass;
use ext_php_rs::ffi::{zend_object, zend_object_handlers, zend_objects_clone_members};
use ext_php_rs::php_class;
use ext_php_rs::types::Zval;
use ext_php_rs::zend::{ClassEntry, ExecuteData};

use crate::client::Client;
use crate::native_object::{self, Native};

/// How often `isConnected()` answers true, without a `read()` between, for a client that has left but has unread
/// messages.
pub(crate) const MAX_ANSWERS_AFTER_END: u8 = 4;

/// `FASTAPI\WebSocket\WebSocketConnection`. What an object of it holds is a [`Connection`].
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\WebSocketConnection")]
pub struct WebSocketConnection;

/// What the object knows beside PHP's properties.
#[derive(Default)]
pub(crate) struct Connection {
    /// None for an object that the script constructed.
    pub(crate) client: Option<Arc<Client>>,
    /// Whether the message that `read()` returned last was binary.
    pub(crate) is_binary: Cell<bool>,
    /// How often `isConnected()` may still answer true when the client has left.
    pub(crate) answers_left: Cell<u8>,
}

static HANDLERS: OnceLock<zend_object_handlers> = OnceLock::new();

impl Native for Connection {
    fn handlers() -> &'static OnceLock<zend_object_handlers> {
        &HANDLERS
    }

    fn adapt(handlers: &mut zend_object_handlers) {
        handlers.clone_obj = Some(clone);
    }
}

/// Lets a class make its objects that hold a [`Connection`].
pub(crate) fn install(class: &mut ClassEntry) {
    native_object::install::<Connection>(class);
}

/// Makes an object for a client. The constructor is not called.
pub(crate) fn make(client: Arc<Client>) -> Zval {
    let class = WebSocketConnection::get_metadata().ce();
    let mut made = Zval::new();
    // SAFETY: makes an object of the class with one reference, and hands that over to the value.
    unsafe {
        let object = native_object::create::<Connection>(ptr::from_ref(class).cast_mut());
        let connection = &mut *native_object::value::<Connection>(object);
        connection.client = Some(client);
        connection.answers_left.set(MAX_ANSWERS_AFTER_END);
        made.set_object(&mut *object);
        (*object).gc.refcount -= 1;
    }
    made
}

/// The connection that the running method was called on. None if it was called without an object.
pub(crate) fn of(call: &ExecuteData) -> Option<&Connection> {
    native_object::of(call)
}

unsafe extern "C" fn clone(object: *mut zend_object) -> *mut zend_object {
    // SAFETY: `object` is one of the class; the copy stands for the same client.
    unsafe {
        let copy = native_object::create::<Connection>((*object).ce);
        let client = (*native_object::value::<Connection>(object)).client.clone();
        (*native_object::value::<Connection>(copy)).client = client;
        zend_objects_clone_members(copy, object);
        copy
    }
}
