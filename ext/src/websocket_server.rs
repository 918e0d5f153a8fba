//! The class `FASTAPI\WebSocket\WebSocketServer` as PHP sees it: all its members, and `queueEvent()`. Does not encode and
//! does not write by itself; what serves clients is in [`crate::serve`].
//!
//! The methods are declared by hand, without types: a method of `#[php_impl]` always declares a return type, which
//! makes an untyped override in a userland subclass a fatal error, and it refuses extra arguments.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ext_php_rs::args::Arg;
use ext_php_rs::builders::{ClassBuilder, ClassProperty, FunctionBuilder};
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::flags::{DataType, MethodFlags, PropertyFlags};
use ext_php_rs::php_class;
use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;
use queue::{EnqueueError, Writer};

use crate::globals::GLOBALS;
use crate::ini;
use crate::json::{self, Refusal};
use crate::queue_path;
use crate::serve;
use crate::start;
use crate::zend;

/// `FASTAPI\WebSocket\WebSocketServer`. There is one server, so an object of it holds nothing of ours.
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\WebSocketServer")]
pub struct WebSocketServer;

/// Registers the class.
///
/// `ModuleBuilder::class` does the same, but leaves no moment to take the types off the parameters.
pub(crate) fn register() -> Result<(), ext_php_rs::error::Error> {
    let (public, private) = (MethodFlags::Public, MethodFlags::Private);
    let public_static = MethodFlags::Public | MethodFlags::Static;
    let method = |name: &str, handler| FunctionBuilder::new(name, handler);
    let property = |name: &str, flags| ClassProperty {
        name: name.to_owned(),
        flags,
        default: None,
        docs: &[],
        ty: None,
        nullable: true,
        readonly: false,
        default_stub: None,
    };
    ClassBuilder::new(WebSocketServer::CLASS_NAME)
        .property(property(serve::INSTANCE, PropertyFlags::Private | PropertyFlags::Static))
        .property(property(serve::APP, PropertyFlags::Private))
        .method(method("__construct", serve::construct).not_required().arg(app()), private)
        .method(method("__clone", serve::clone), private)
        .method(method("__wakeup", serve::wakeup), public)
        .method(method("getInstance", serve::get_instance).not_required().arg(app()), public_static)
        .method(method("on", serve::on).arg(untyped("path")).arg(Arg::new("handler", DataType::Callable)), public)
        .method(method("port", serve::port).arg(untyped("port")), public)
        .method(method("host", serve::host).arg(untyped("host")), public)
        .method(method("eventQueue", serve::event_queue).arg(untyped("path")), public)
        .method(method("start", start::start), public)
        .method(method("stop", serve::stop), public)
        .method(method("isRunning", serve::is_running), public)
        .method(
            method("broadcast", serve::broadcast)
                .arg(untyped("event"))
                .not_required()
                .arg(untyped("payload").default("null")),
            public,
        )
        .method(method("getConnectionCount", serve::get_connection_count), public)
        .method(method("getConnections", serve::get_connections), public)
        .method(
            method("queueEvent", queue_event)
                .arg(untyped("queuePath"))
                .arg(untyped("event"))
                .not_required()
                .arg(untyped("payload").default("null")),
            public_static,
        )
        .method(method("lastError", last_error).returns(DataType::String, false, true), public_static)
        .registration(|class, parameters| {
            zend::untype_parameters(class);
            WebSocketServer::get_metadata().set_ce(class);
            WebSocketServer::get_metadata().set_arg_info(parameters);
        })
        .register()
}

fn untyped(name: &str) -> Arg<'static> {
    Arg::new(name, DataType::Undef)
}

/// `?FASTAPI\App $app = null`. The class is the script's, and need not exist.
fn app() -> Arg<'static> {
    Arg::new("app", DataType::object("FASTAPI\\App")).allow_null().default("null")
}

/// `queueEvent($queuePath, $event, $payload = null)`: true when the event is in the queue.
extern "C" fn queue_event(call: &mut ExecuteData, returned: &mut Zval) {
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
extern "C" fn last_error(_call: &mut ExecuteData, returned: &mut Zval) {
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
