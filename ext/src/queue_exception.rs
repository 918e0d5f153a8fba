//! The class `FASTAPI\WebSocket\QueueException`: events were not queued.
#![allow(unsafe_code)]

use ext_php_rs::builders::ClassBuilder;
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::ffi::zend_class_entry;
use ext_php_rs::php_class;
use ext_php_rs::zend::{ClassEntry, ce};

use crate::exception;
use crate::json::Refusal;

/// `FASTAPI\WebSocket\QueueException`
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\QueueException")]
pub struct QueueException;

unsafe extern "C" {
    static spl_ce_RuntimeException: *mut zend_class_entry;
}

/// Registers the class.
pub(crate) fn register() -> Result<(), ext_php_rs::error::Error> {
    ClassBuilder::new(QueueException::CLASS_NAME)
        .extends((runtime_exception, "RuntimeException"))
        .registration(|class, parameters| {
            QueueException::get_metadata().set_ce(class);
            QueueException::get_metadata().set_arg_info(parameters);
        })
        .register()
}

/// Throws the reason. A refusal of code that has thrown already is left as it is.
pub(crate) fn throw(refusal: &Refusal) {
    if let Refusal::Reason(reason) = refusal {
        // The reason may contain text that came from clients or other users.
        exception::throw_of(QueueException::get_metadata().ce(), &queue::printable(reason));
    }
}

fn runtime_exception() -> &'static ClassEntry {
    // SAFETY: a class of PHP's own, which is there before any extension and until PHP ends.
    unsafe { spl_ce_RuntimeException.as_ref() }.unwrap_or_else(|| ce::exception())
}
