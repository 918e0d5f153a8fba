//! What ext-php-rs cannot declare about the parameters of methods. Each function is called once for a class, when it is
//! registered.
#![allow(unsafe_code)]

use ext_php_rs::ffi::{IS_ARRAY, IS_UNDEF, zend_function};
use ext_php_rs::zend::ClassEntry;

/// Takes the types off the parameters that were declared as `DataType::Undef`.
///
/// ext-php-rs has no parameter without a type. It declares these as of the type "undefined", which no PHP function has
/// and which Reflection does not survive.
pub(crate) fn untype_parameters(class: &ClassEntry) {
    for method in class.function_table.values() {
        // SAFETY: the table of a class holds pointers to its functions.
        let Some(method) = (unsafe { method.ptr::<zend_function>() }) else { continue };
        // SAFETY: the function lives as long as the class, and no other code uses it while the class is registered.
        let method = unsafe { &mut (*method).common };
        for index in 0..method.num_args as usize {
            // SAFETY: `arg_info` points at `num_args` entries of this process, writable, and never freed while PHP
            // runs.
            let parameter = unsafe { &mut *method.arg_info.add(index) };
            parameter.type_.type_mask &= !TYPE_UNDEFINED;
        }
    }
}

/// Lets a parameter of a method that takes a string also take an array: ext-php-rs has no types with several parts.
pub(crate) fn allow_array(class: &ClassEntry, method: &str, index: usize) {
    // SAFETY: the table of a class holds pointers to its functions.
    let Some(method) = class.function_table.get(method).and_then(|method| unsafe { method.ptr::<zend_function>() })
    else {
        return;
    };
    // SAFETY: as in `untype_parameters`. The method has the parameter.
    unsafe { (*(*method).common.arg_info.add(index)).type_.type_mask |= 1 << IS_ARRAY };
}

/// Gives a parameter of a method the attribute `#[\SensitiveParameter]`. PHP before 8.2 does not know it: there
/// `zend.exception_ignore_args` keeps arguments out of traces.
pub(crate) fn mark_sensitive(class: &ClassEntry, method: &str, index: u32) {
    // SAFETY: the table of a class holds pointers to its functions.
    if let Some(method) = class.function_table.get(method).and_then(|method| unsafe { method.ptr::<zend_function>() }) {
        // SAFETY: the function lives as long as the class, and has the parameter.
        unsafe { fastapi_websocket_mark_sensitive(method, index) };
    }
}

/// The bit of `DataType::Undef` in a type mask.
const TYPE_UNDEFINED: u32 = 1 << IS_UNDEF;

unsafe extern "C" {
    fn fastapi_websocket_mark_sensitive(method: *mut zend_function, index: u32);
}
