//! The class `WebSocketServer` and its one object: made by `getInstance()`, and never copied.

use ext_php_rs::class::RegisteredClass;
use ext_php_rs::php_class;
use ext_php_rs::types::{ZendObject, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData};

use crate::exception;
use crate::zend;

/// The static property that holds the one instance.
pub(super) const INSTANCE: &str = "instance";
/// The property that keeps what `getInstance()` was given.
pub(super) const APP: &str = "app";

/// `FASTAPI\WebSocket\WebSocketServer`. There is one server, so an object of it holds nothing of ours.
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\WebSocketServer")]
pub struct WebSocketServer;

fn class() -> &'static ClassEntry {
    WebSocketServer::get_metadata().ce()
}

/// `__construct(?App $app = null)`, private.
pub(super) extern "C" fn construct(call: &mut ExecuteData, _returned: &mut Zval) {
    let Some(app) = app_argument(call) else { return };
    if let Some(this) = call.This.object_mut() {
        zend::set_property(class(), this, APP, &app);
    }
}

/// `__clone()`, private: there is one server.
pub(super) extern "C" fn clone(_call: &mut ExecuteData, _returned: &mut Zval) {}

/// `__wakeup()`
pub(super) extern "C" fn wakeup(_call: &mut ExecuteData, _returned: &mut Zval) {
    exception::throw("Cannot unserialize a singleton.");
}

/// `getInstance(?App $app = null)`: the same object each time.
pub(super) extern "C" fn get_instance(call: &mut ExecuteData, returned: &mut Zval) {
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
