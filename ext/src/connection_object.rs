//! The PHP object of a client, and its class: the engine's part, and the client that it stands for. Made, cloned and
//! freed by the engine; holds no PHP values of its own, so that the garbage collector sees all there is. The methods
//! are in [`crate::websocket_connection`].
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::{MaybeUninit, offset_of};
use std::ptr;
use std::sync::{Arc, OnceLock};

use ext_php_rs::class::RegisteredClass;
use ext_php_rs::ffi::{
    ext_php_rs_zend_object_alloc, object_properties_init, std_object_handlers, zend_class_entry, zend_object,
    zend_object_handlers, zend_object_std_dtor, zend_object_std_init, zend_objects_clone_members,
};
use ext_php_rs::flags::ClassFlags;
use ext_php_rs::php_class;
use ext_php_rs::types::Zval;
use ext_php_rs::zend::{ClassEntry, ExecuteData};

use crate::client::Client;

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

#[repr(C)]
struct ConnectionObject {
    connection: Connection,
    object: zend_object,
}

static HANDLERS: OnceLock<zend_object_handlers> = OnceLock::new();

/// Lets a class make its objects that hold a [`Connection`].
pub(crate) fn install(class: &mut ClassEntry) {
    class.__bindgen_anon_2.create_object = Some(create);
    class.ce_flags |= ClassFlags::NotSerializable.bits();
}

/// Makes an object for a client. The constructor is not called.
pub(crate) fn make(client: Arc<Client>) -> Zval {
    let class = WebSocketConnection::get_metadata().ce();
    let mut value = Zval::new();
    // SAFETY: makes an object with one reference, and hands that over to the value.
    unsafe {
        let object = create(ptr::from_ref(class).cast_mut());
        let connection = &mut (*container(object)).connection;
        connection.client = Some(client);
        connection.answers_left.set(MAX_ANSWERS_AFTER_END);
        value.set_object(&mut *object);
        (*object).gc.refcount -= 1;
    }
    value
}

/// The connection that the running method was called on. None if it was called without an object.
pub(crate) fn of(call: &ExecuteData) -> Option<&Connection> {
    let object = call.This.object()?;
    // SAFETY: a method of the class runs only on objects of the class or a subclass, and `create` has made all of
    // those. The object lives as long as the call.
    Some(unsafe { &(*container(ptr::from_ref(object).cast_mut())).connection })
}

fn container(object: *mut zend_object) -> *mut ConnectionObject {
    object.wrapping_byte_sub(offset_of!(ConnectionObject, object)).cast()
}

unsafe extern "C" fn create(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: as every class with data of its own does: memory from the engine, in which its part and ours are
    // initialised.
    unsafe {
        let container = ext_php_rs_zend_object_alloc(size_of::<ConnectionObject>(), class).cast::<ConnectionObject>();
        ptr::write(&raw mut (*container).connection, Connection::default());
        let object = &raw mut (*container).object;
        zend_object_std_init(object, class);
        object_properties_init(object, class);
        (*object).handlers = HANDLERS.get_or_init(make_handlers);
        object
    }
}

fn make_handlers() -> zend_object_handlers {
    let mut handlers = MaybeUninit::uninit();
    // SAFETY: a copy of the engine's own handlers, with a few replaced.
    unsafe {
        ptr::copy_nonoverlapping(&raw const std_object_handlers, handlers.as_mut_ptr(), 1);
        let mut handlers: zend_object_handlers = handlers.assume_init();
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "an offset of some bytes")]
        {
            handlers.offset = offset_of!(ConnectionObject, object) as _;
        }
        handlers.free_obj = Some(free);
        handlers.clone_obj = Some(clone);
        handlers
    }
}

unsafe extern "C" fn free(object: *mut zend_object) {
    // SAFETY: the engine calls it once for each object that `create` has made.
    unsafe {
        ptr::drop_in_place(&raw mut (*container(object)).connection);
        zend_object_std_dtor(object);
    }
}

unsafe extern "C" fn clone(object: *mut zend_object) -> *mut zend_object {
    // SAFETY: `object` was made by `create`; the copy stands for the same client.
    unsafe {
        let copy = create((*object).ce);
        (*container(copy)).connection.client = (*container(object)).connection.client.clone();
        zend_objects_clone_members(copy, object);
        copy
    }
}
