//! How large the stacks of handlers are. PHP gives a Fiber 2 MiB, a quarter of what a script has, and 25,000 linked
//! objects that are freed in a handler overflow it: then the process ends, with all its clients.
//!
//! A larger stack needs address space only: the system gives memory to the pages that are used. Where address space is
//! limited, PHP's size remains.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};
use std::{fs, ptr};

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::ZendStr;
use rustix::process::{Resource, getrlimit};

const SETTING: &str = "fiber.stack_size";
/// What a script has with the usual limit of its stack.
const SIZE: &str = "8M";

const PHP_INI_USER: c_int = 1 << 0;
const STAGE_RUNTIME: c_int = 1 << 4;

/// The larger size is in force until this is dropped. After a fatal error PHP itself restores the setting.
pub(crate) struct LargeStacks(());

impl LargeStacks {
    /// Makes the stacks of Fibers larger from now on. None if the script or php.ini has chosen a size, or if the system
    /// counts address space.
    pub(crate) fn new() -> Option<LargeStacks> {
        (!is_chosen() && !is_address_space_limited() && set()).then(|| LargeStacks(()))
    }
}

impl Drop for LargeStacks {
    fn drop(&mut self) {
        // SAFETY: the name lives during the call.
        unsafe { zend_restore_ini_entry(ptr::from_mut(&mut *name()), STAGE_RUNTIME) };
    }
}

fn is_chosen() -> bool {
    // SAFETY: a name with its length; the answer is null or text that PHP keeps.
    unsafe {
        let value = zend_ini_string(SETTING.as_ptr().cast(), SETTING.len(), 0);
        !value.is_null() && !CStr::from_ptr(value).is_empty()
    }
}

/// Whether a stack counts in full before it is touched: `vm.overcommit_memory=2`, or `ulimit -v`.
fn is_address_space_limited() -> bool {
    let is_strict = fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.trim() == "2");
    is_strict || getrlimit(Resource::As).current.is_some()
}

fn set() -> bool {
    // SAFETY: PHP copies the value; the name lives during the call.
    unsafe {
        zend_alter_ini_entry_chars(
            ptr::from_mut(&mut *name()),
            SIZE.as_ptr().cast(),
            SIZE.len(),
            PHP_INI_USER,
            STAGE_RUNTIME,
        ) == 0
    }
}

fn name() -> ZBox<ZendStr> {
    ZendStr::new(SETTING, false)
}

unsafe extern "C" {
    fn zend_ini_string(name: *const c_char, length: usize, original: c_int) -> *const c_char;
    fn zend_alter_ini_entry_chars(
        name: *mut ZendStr,
        value: *const c_char,
        length: usize,
        kind: c_int,
        stage: c_int,
    ) -> c_int;
    fn zend_restore_ini_entry(name: *mut ZendStr, stage: c_int) -> c_int;
}
