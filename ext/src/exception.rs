//! Exceptions: those that we throw, and those that PHP code leaves pending which the event loop has called.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use ext_php_rs::ffi::{
    _call_user_function_impl, E_WARNING, IS_UNDEF, ext_php_rs_executor_globals, zend_ce_exception, zend_class_entry,
    zend_object, zend_throw_exception,
};
use ext_php_rs::types::Zval;
use ext_php_rs::zend::{ClassEntry, ce};

/// The script is ending. A function that gets this returns to the engine at once.
#[derive(Debug)]
pub(crate) struct ScriptEnd;

/// Runs a method's code. A panic in it becomes an `\Exception`, none may reach PHP.
pub(crate) fn guard(run: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        throw("internal error in fastapi_websocket");
    }
}

/// Whether an exception is pending.
pub(crate) fn is_pending() -> bool {
    // SAFETY: the globals of this thread.
    unsafe { !(*ext_php_rs_executor_globals()).exception.is_null() }
}

/// Throws an `\Exception`.
pub(crate) fn throw(message: &str) {
    // SAFETY: the class is one of the engine.
    throw_of(unsafe { zend_ce_exception }, message);
}

/// Throws an `\Exception` with the cause as its previous exception.
pub(crate) fn throw_with_cause(message: &str, cause: &str) {
    throw(cause);
    // The engine chains the one that is pending.
    throw(message);
}

/// Throws PHP's own `TypeError` for an argument of the running method.
pub(crate) fn throw_argument_type_error(number: u32, expected: &str, got: &str) {
    let text = CString::new(format!("must be of type {expected}, {got} given")).unwrap_or_default();
    // SAFETY: the format takes one string, which lives during the call.
    unsafe { zend_argument_type_error(number, c"%s".as_ptr(), text.as_ptr()) };
}

/// Throws PHP's own `ValueError` for an argument of the running method: `rule` is what it must be.
pub(crate) fn throw_argument_value_error(number: u32, rule: &str) {
    let text = CString::new(rule).unwrap_or_default();
    // SAFETY: the format takes one string, which lives during the call.
    unsafe { zend_argument_value_error(number, c"%s".as_ptr(), text.as_ptr()) };
}

/// Throws a `TypeError`.
pub(crate) fn throw_type_error(message: &str) {
    throw_of(ce::type_error(), message);
}

/// Throws a `ValueError`.
pub(crate) fn throw_value_error(message: &str) {
    throw_of(ce::value_error(), message);
}

/// Throws a `LogicException`: the script calls something at the wrong time.
pub(crate) fn throw_logic_exception(message: &str) {
    // SAFETY: the class is one of PHP's own, which is there before any extension.
    throw_of(unsafe { spl_ce_LogicException }, message);
}

/// Throws an exception of a class.
pub(crate) fn throw_of(class: *const ClassEntry, message: &str) {
    let message = CString::new(message.replace('\0', "\\0")).unwrap_or_default();
    // SAFETY: PHP copies the message, and changes nothing of the class.
    unsafe { zend_throw_exception(class.cast_mut(), message.as_ptr(), 0) };
}

/// Reports the pending exception, if there is one, as PHP reports an uncaught one.
///
/// # Errors
/// When it is not an exception of the script but its end.
pub(crate) fn report_pending() -> Result<(), ScriptEnd> {
    let mut is_first = true;
    // The report of one may leave another, and so may its release: a destructor may throw, or end the script.
    while is_pending() {
        if is_script_ending() {
            return Err(ScriptEnd);
        }
        let exception = take();
        // What the script's handler throws is not given to it again.
        if std::mem::take(&mut is_first) && call_exception_handler(&exception) {
            drop(exception);
        } else {
            print(exception);
        }
    }
    Ok(())
}

/// Sets a pending exception aside while `run` is called, which must not see it.
pub(crate) fn set_aside(run: impl FnOnce()) {
    // SAFETY: the globals of this thread; the reference moves out and back in.
    let before = unsafe { ptr::replace(&raw mut (*ext_php_rs_executor_globals()).exception, ptr::null_mut()) };
    run();
    if before.is_null() {
        return;
    }
    if is_pending() {
        drop(take());
    }
    // SAFETY: as above.
    unsafe { (*ext_php_rs_executor_globals()).exception = before };
}

/// Forgets a pending exception.
pub(crate) fn discard() {
    drop(take());
}

/// Whether what is pending is the end of the script: `exit()`, or an error that the engine ends it with.
pub(crate) fn is_script_ending() -> bool {
    // SAFETY: reads the class of the pending exception, if there is one.
    unsafe {
        let exception = (*ext_php_rs_executor_globals()).exception;
        !exception.is_null() && (zend_is_unwind_exit(exception) || zend_is_graceful_exit(exception))
    }
}

/// Takes the pending exception out of the engine.
fn take() -> Zval {
    let mut taken = Zval::new();
    // SAFETY: the globals of this thread. The engine's reference becomes that of the value.
    unsafe {
        let pending = ptr::replace(&raw mut (*ext_php_rs_executor_globals()).exception, ptr::null_mut());
        if let Some(pending) = pending.as_mut() {
            taken.set_object(pending);
            pending.gc.refcount -= 1;
        }
    }
    taken
}

/// Calls what the script gave to `set_exception_handler()`. False if it gave nothing.
fn call_exception_handler(exception: &Zval) -> bool {
    // SAFETY: the globals of this thread.
    let slot = unsafe { &raw mut (*ext_php_rs_executor_globals()).user_exception_handler };
    // SAFETY: as above; no other code uses the slot now.
    let mut handler = unsafe { ptr::replace(slot, undefined()) };
    if is_undefined(&handler) {
        // SAFETY: puts back what was there.
        unsafe { ptr::write(slot, handler) };
        return false;
    }
    let mut returned = Zval::new();
    // SAFETY: values that live during the call. The handler is not set during it, so that it is not called for itself.
    unsafe {
        _call_user_function_impl(
            ptr::null_mut(),
            &raw mut handler,
            &raw mut returned,
            1,
            ptr::from_ref(exception).cast_mut(),
            ptr::null_mut(),
        );
        // It stays set for the next exception, unless it has set another.
        if is_undefined(&*slot) {
            ptr::write(slot, handler);
        }
    }
    true
}

/// Prints an exception as a warning: it does not end the script.
fn print(exception: Zval) {
    // SAFETY: the globals of this thread. The engine releases the exception. As with an exception that ends a script,
    // the script's error handler is not called: many throw, and that would have to be reported as well.
    unsafe {
        let globals = ext_php_rs_executor_globals();
        let handler = ptr::replace(&raw mut (*globals).user_error_handler, undefined());
        let raw = exception.value.obj;
        std::mem::forget(exception);
        zend_exception_error(raw, E_WARNING.cast_signed());
        drop(ptr::replace(&raw mut (*globals).user_error_handler, handler));
    }
}

/// The engine's mark for "not set", which is not the null that a new value is.
fn undefined() -> Zval {
    let mut value = Zval::new();
    value.u1.type_info = IS_UNDEF;
    value
}

fn is_undefined(value: &Zval) -> bool {
    // SAFETY: every value has a type.
    unsafe { value.u1.type_info == IS_UNDEF }
}

unsafe extern "C" {
    static spl_ce_LogicException: *mut zend_class_entry;
    fn zend_argument_type_error(number: u32, format: *const std::ffi::c_char, ...);
    fn zend_argument_value_error(number: u32, format: *const std::ffi::c_char, ...);
    fn zend_is_unwind_exit(exception: *const zend_object) -> bool;
    fn zend_is_graceful_exit(exception: *const zend_object) -> bool;
    fn zend_exception_error(exception: *mut zend_object, severity: c_int) -> c_int;
}
