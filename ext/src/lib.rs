//! The PHP extension `fastapi_websocket`: registration only, nothing is decided here.
//!
//! A call of `WebSocketServer::queueEvent` flows downwards through these files:
//!
//! ```text
//! websocket_server   the class as PHP sees it: arguments in, bool out, reason kept
//!   queue_path       the first argument  -> a directory
//!   json             the other arguments -> JSON texts of PHP's own encoder
//!   ini              the settings of this moment
//!     queue::Writer  one complete entry in the directory, or none
//! globals            what one request (or thread) keeps: the settings, the reason of the last false
//! zend               the engine calls that need `unsafe`
//! ```

#![cfg_attr(debug_assertions, allow(missing_docs, reason = "#[php_module] adds a function of its own to debug builds"))]

mod websocket_server;

mod globals;
mod ini;
mod json;
mod queue_path;
mod zend;

use ext_php_rs::builders::ModuleBuilder;
use ext_php_rs::internal::startup_guard;
use ext_php_rs::php_module;

use crate::globals::GLOBALS;

/// Describes the extension to PHP; called once, when PHP loads the library.
#[php_module]
pub fn module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .globals(&GLOBALS)
        .startup_function(startup)
        .shutdown_function(shutdown)
        .request_startup_function(globals::reset)
        .request_shutdown_function(globals::reset)
        .info_function(ini::print_info)
}

extern "C" fn startup(_type: i32, module_number: i32) -> i32 {
    startup_guard(|| {
        ini::register(module_number);
        websocket_server::register()
    })
}

extern "C" fn shutdown(_type: i32, module_number: i32) -> i32 {
    ini::unregister(module_number);
    0
}
