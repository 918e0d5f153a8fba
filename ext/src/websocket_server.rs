//! The class `FASTAPI\WebSocket\WebSocketServer` as PHP sees it: the declarations of all its members.
//!
//! The methods are declared by hand, without types: a method of `#[php_impl]` always declares a return type, which
//! makes an untyped override in a userland subclass a fatal error, and it refuses extra arguments.

mod queue_event;
mod server_methods;
mod singleton;
mod start;

use ext_php_rs::args::Arg;
use ext_php_rs::builders::{ClassBuilder, ClassProperty, FunctionBuilder};
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::flags::{DataType, MethodFlags, PropertyFlags};

use crate::declaring;
use queue_event::{last_error, queue_event};
use singleton::WebSocketServer;
use start::start;

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
        .property(property(singleton::INSTANCE, PropertyFlags::Private | PropertyFlags::Static))
        .property(property(singleton::APP, PropertyFlags::Private))
        .method(method("__construct", singleton::construct).not_required().arg(app()), private)
        .method(method("__clone", singleton::clone), private)
        .method(method("__wakeup", singleton::wakeup), public)
        .method(method("getInstance", singleton::get_instance).not_required().arg(app()), public_static)
        .method(
            method("on", server_methods::on).arg(untyped("path")).arg(Arg::new("handler", DataType::Callable)),
            public,
        )
        .method(method("port", server_methods::port).arg(untyped("port")), public)
        .method(method("host", server_methods::host).arg(untyped("host")), public)
        .method(method("eventQueue", server_methods::event_queue).arg(untyped("path")), public)
        .method(method("start", start), public)
        .method(method("stop", server_methods::stop), public)
        .method(method("isRunning", server_methods::is_running), public)
        .method(
            method("broadcast", server_methods::broadcast)
                .arg(untyped("event"))
                .not_required()
                .arg(untyped("payload").default("null")),
            public,
        )
        .method(method("getConnectionCount", server_methods::get_connection_count), public)
        .method(method("getConnections", server_methods::get_connections), public)
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
            declaring::untype_parameters(class);
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
