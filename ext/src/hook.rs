//! A function of PHP that runs our code. For scripts it stays the same function.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use ext_php_rs::ffi::{zend_function, zend_hash_str_find_ptr_lc, zif_handler};
use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;

pub(crate) type Handler = unsafe extern "C" fn(*mut ExecuteData, *mut Zval);

/// One function: its name, what it runs now, and what it ran before.
pub(crate) struct Hook {
    name: &'static str,
    handler: Handler,
    original: AtomicPtr<()>,
}

impl Hook {
    pub(crate) const fn new(name: &'static str, handler: Handler) -> Hook {
        Hook { name, handler, original: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Replaces what it runs.
    pub(crate) fn install(&self) {
        if let Some(slot) = self.slot()
            && let Some(original) = *slot
        {
            self.original.store(original as *mut (), Ordering::Release);
            *slot = Some(self.handler);
        }
    }

    /// Undoes [`Self::install`].
    pub(crate) fn uninstall(&self) {
        // Looked up again: `disable_functions` may have removed it.
        if let Some(slot) = self.slot()
            && slot.is_some_and(|current| ptr::fn_addr_eq(current, self.handler))
        {
            *slot = self.original();
        }
    }

    /// Where the engine keeps what the function runs.
    fn slot(&self) -> Option<&'static mut zif_handler> {
        // SAFETY: while modules are started and shut down no other thread runs; internal functions live until PHP ends.
        unsafe {
            let functions = (*ext_php_rs::ffi::ext_php_rs_compiler_globals()).function_table;
            let function: *mut zend_function =
                zend_hash_str_find_ptr_lc(functions, self.name.as_ptr().cast(), self.name.len()).cast();
            function.as_mut().map(|function| &mut function.internal_function.handler)
        }
    }

    fn original(&self) -> zif_handler {
        let original = self.original.load(Ordering::Acquire);
        // SAFETY: null, or what `install` has taken from the engine.
        unsafe { std::mem::transmute::<*mut (), zif_handler>(original) }
    }

    /// Does what the function did before.
    pub(crate) fn run_original(&self, call: *mut ExecuteData, returned: *mut Zval) {
        if let Some(original) = self.original() {
            // SAFETY: with the arguments that the engine has given for it.
            unsafe { original(call, returned) };
        }
    }
}
