//! The PHP extension `fastapi_websocket`. This file only registers its parts.
//!
//! A call of `WebSocketServer::queueEvent` goes down through these files:
//!
//! ```text
//! websocket_server         the class as PHP sees it: its members
//!   queue_event            arguments in, bool out, reason kept
//! queue_path               the first argument  -> a directory
//! json                     the other arguments -> JSON texts of PHP's own encoder
//! ini                      the settings of this moment
//! producer                 a writer with the settings of this moment
//! queue::Writer            one complete entry in the directory, or none
//! ```
//!
//! `EventQueue` queues with more to say, and several events as one entry:
//!
//! ```text
//! event_queue              the class as PHP sees it: its members
//!   publishing             publish() and publishAll()
//!   transactions           begin(), commit(), rollback(), transaction()
//!   given                  the values of publish()'s parameters: converted, checked, encoded
//!   batch                  events that were gathered and not written yet
//!   object                 what an object holds: its directory, its transaction
//! arguments                values by PHP's rules for parameters with types, and the errors about them
//! iteration                what foreach would go through
//! queue_exception          the class of what is thrown
//! ```
//!
//! `AccessToken` (access_token) makes tokens.
//!
//! `WebSocketServer::start()` is the server library on threads of its own, and PHP's handlers on PHP's thread:
//!
//! ```text
//! websocket_server
//!   singleton              the one object of the class
//!   server_methods         on(), stop(), broadcast() and the like
//!   start                  start(): from settings to a server that runs, and back
//! server_thread            the server on its threads: started, stopped, waited for
//!   application            what it tells us, on its threads
//! event_loop               turns: handle notifications, continue calls that may, sleep
//!   handlers               the handler calls that have not returned
//!   waiting                read() and sleeps leave the running code
//! shared                   what both sides use: the clients, and which paths have a handler
//!   notifications          what the server's threads tell PHP's thread
//!   client                 one client, and its messages that were not read (unread)
//! websocket_connection     the class of a client as PHP sees it
//!   connection_object      its objects
//! ```
//!
//! What these stand on:
//!
//! ```text
//! waiters                  the calls that wait, for a message or a time
//! fiber                    the Fibers that they wait in, and how to leave and to enter one
//! stack_size               how large the stacks of Fibers are
//! layers                   the output buffers and error handlers of each handler
//! routes                   the handlers of the script, by path
//! signals                  sleeping, and what the engine does on signals
//! sleep                    sleep() and similar functions inside a handler
//! limits                   how many handlers and values the system and memory_limit allow
//! exception                exceptions that we throw, and those that handlers leave
//! logging                  log lines on standard error
//! start_settings           the settings of start() that the server library declares
//! globals                  what one request (or thread) keeps: settings, the reason of the last false, the event loop
//! process                  in which process something was made
//! fork                     what happens in a child when this process is forked
//! server_descriptors       what a running server has open, which the child closes
//! descriptors              the numbers of descriptors that scripts rely on
//! descriptor_limit         how many may be open, for the server and for processes that the script starts
//! hook                     functions of PHP's that run our code
//! native_object            objects of PHP that hold a value of ours
//! warning                  warnings when no method of ours runs
//! declaring                what ext-php-rs cannot declare about parameters
//! channel_names            names of channels in arguments
//! zend                     the engine calls that need `unsafe`
//! ```

#![cfg_attr(debug_assertions, allow(missing_docs, reason = "#[php_module] adds a function of its own to debug builds"))]

mod access_token;
mod event_queue;
mod queue_exception;
mod websocket_connection;
mod websocket_server;

mod event_loop;
mod server_thread;

mod client;
mod notifications;
mod shared;

mod fiber;
mod layers;
mod limits;
mod routes;
mod signals;
mod sleep;
mod stack_size;
mod waiters;

mod arguments;
mod channel_names;
mod connection_object;
mod declaring;
mod exception;
mod globals;
mod hook;
mod ini;
mod iteration;
mod json;
mod native_object;
mod producer;
mod queue_path;
mod start_settings;
mod warning;
mod zend;

mod descriptor_limit;
mod descriptors;
mod fork;
mod logging;
mod process;
mod server_descriptors;

use ext_php_rs::builders::ModuleBuilder;
use ext_php_rs::internal::startup_guard;
use ext_php_rs::php_module;

use crate::globals::GLOBALS;

/// PHP's mark of a module that stays loaded until PHP ends.
const MODULE_PERSISTENT: i32 = 1;

/// Describes the extension to PHP; called once, when PHP loads the library.
#[php_module]
pub fn module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .globals(&GLOBALS)
        .startup_function(startup)
        .shutdown_function(shutdown)
        .request_startup_function(globals::begin_request)
        .request_shutdown_function(globals::end_request)
        .post_deactivate_function(globals::forget_request)
        .info_function(ini::print_info)
}

extern "C" fn startup(kind: i32, module_number: i32) -> i32 {
    startup_guard(|| {
        ini::register(module_number);
        queue_exception::register()?;
        event_queue::register()?;
        access_token::register()?;
        websocket_connection::register()?;
        websocket_server::register()?;
        sleep::install();
        fork::install();
        // A library that `dl()` has loaded is unloaded again, and the engine would go on to call it.
        if kind == MODULE_PERSISTENT && zend::is_command_line() {
            descriptors::note_standard_error();
            descriptor_limit::install();
            layers::install();
        }
        Ok(())
    })
}

extern "C" fn shutdown(_type: i32, module_number: i32) -> i32 {
    sleep::uninstall();
    descriptor_limit::uninstall();
    ini::unregister(module_number);
    0
}
