//! Warnings at moments when no method of ours runs: an object ends, a request ends.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use ext_php_rs::ffi::{E_WARNING, IS_UNDEF, ext_php_rs_executor_globals, zend_op, zend_string};
use ext_php_rs::types::Zval;

use crate::exception;

/// Warns, with the line of the script that is running. An exception that is pending stays pending.
///
/// It may call the script's error handler, and so any code.
pub(crate) fn warn(text: &str) {
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the engine answers for the code that is running. The line is read first: an exception that is set aside
    // takes it along.
    let (file, line) = unsafe { (zend_get_executed_filename_ex(), zend_get_executed_lineno()) };
    let before = exception::is_pending().then(note_place);
    exception::set_aside(|| {
        // SAFETY: the format takes one string, which lives during the call.
        unsafe { zend_error_at(E_WARNING.cast_signed(), file, line, c"%s".as_ptr(), text.as_ptr()) };
    });
    if let Some(before) = before {
        // SAFETY: the globals of this thread.
        unsafe { (*ext_php_rs_executor_globals()).opline_before_exception = before };
    }
}

/// Notes in the engine where the pending exception has come to, as the engine does before it calls a destructor: code
/// that runs meanwhile may throw as well, and it would note another place. Returns it.
fn note_place() -> *const zend_op {
    const KIND_OF_INTERNAL: u8 = 1;

    // SAFETY: the globals of this thread, and the frame that is running.
    unsafe {
        let globals = &mut *ext_php_rs_executor_globals();
        let handle_exception = globals.exception_op.as_ptr();
        if let Some(frame) = globals.current_execute_data.as_mut()
            && frame.func.as_ref().is_some_and(|function| function.type_ & KIND_OF_INTERNAL == 0)
            && frame.opline != handle_exception
        {
            globals.opline_before_exception = frame.opline;
            frame.opline = handle_exception;
        }
        globals.opline_before_exception
    }
}

/// Warns at the end of a request. The script's error handler is not called any more.
pub(crate) fn warn_at_end(text: &str) {
    // SAFETY: the globals of this thread; what is there moves out and back in.
    unsafe {
        let handler = &raw mut (*ext_php_rs_executor_globals()).user_error_handler;
        let mut none = Zval::new();
        none.u1.type_info = IS_UNDEF;
        let before = ptr::replace(handler, none);
        warn(text);
        ptr::write(handler, before);
    }
}

unsafe extern "C" {
    fn zend_get_executed_filename_ex() -> *mut zend_string;
    fn zend_get_executed_lineno() -> u32;
    fn zend_error_at(severity: c_int, file: *mut zend_string, line: u32, format: *const c_char, ...);
}
