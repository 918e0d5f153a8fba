//! PHP's Fibers as the event loop uses them: one for each handler call, and the switch to code that waits in one.
#![allow(unsafe_code)]

use std::ptr;

use ext_php_rs::ffi::{
    _zend_bailout, ext_php_rs_executor_globals, zend_call_known_function, zend_class_entry, zend_execute_data,
    zend_fiber, zend_fiber_context, zend_function, zend_hash_str_find_ptr_lc, zend_object,
};
use ext_php_rs::types::Zval;

/// A place where PHP code was left and can be continued: the stack of a Fiber, or of the main script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context(*mut zend_fiber_context);

impl Context {
    /// The context that is running.
    pub(crate) fn current() -> Context {
        // SAFETY: the globals of this thread.
        Context(unsafe { (*ext_php_rs_executor_globals()).current_fiber_context })
    }

    /// Leaves the running context and continues this one. Returns when the running one is continued, perhaps with an
    /// exception pending: that of a fiber that ended here, or the one that unwinds a fiber which is destroyed.
    ///
    /// Unlike `Fiber::suspend()` it does not suspend the fibers between the two, however many there are.
    pub(crate) fn switch_to(self) {
        // SAFETY: the globals of this thread; the running Fiber, if there is one, is left in the running frame.
        unsafe {
            let globals = ext_php_rs_executor_globals();
            if !(*globals).active_fiber.is_null() {
                fastapi_websocket_note_frame((*globals).active_fiber, (*globals).current_execute_data);
            }
        }
        let mut transfer = Transfer { context: self.0, value: Zval::null(), flags: 0 };
        // SAFETY: the context waits in this function or inside `Fiber::start()` or `resume()`, and was not continued
        // since; the caller makes sure of that. The engine saves and restores its own state with each context.
        unsafe { zend_fiber_switch_context(&raw mut transfer) };
        if transfer.flags & TRANSFER_BAILOUT != 0 {
            // SAFETY: as the engine does when a fiber ends with a fatal error. No frame here holds anything.
            unsafe {
                (*ext_php_rs_executor_globals()).active_fiber = ptr::null_mut();
                _zend_bailout(c"fiber.rs".as_ptr().cast_mut(), line!());
            }
        }
        if transfer.flags & TRANSFER_ERROR != 0 {
            // SAFETY: the value is then an exception, and the transfer's reference becomes the engine's.
            unsafe {
                let exception = transfer.value.value.obj;
                std::mem::forget(transfer);
                zend_throw_exception_internal(exception);
            }
        }
    }
}

/// Whether the engine allows a switch: not in signal handlers, and not while objects are destroyed.
pub(crate) fn can_switch() -> bool {
    // SAFETY: reads a counter of this thread.
    unsafe { !zend_fiber_switch_blocked() }
}

/// The Fiber whose code is running, as an address to compare.
pub(crate) fn active() -> *const zend_object {
    // SAFETY: the globals of this thread. A fiber begins with its object.
    unsafe { (*ext_php_rs_executor_globals()).active_fiber.cast() }
}

/// The methods of PHP's class `Fiber`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Methods {
    get_current: *mut zend_function,
    construct: *mut zend_function,
    start: *mut zend_function,
    resume: *mut zend_function,
    suspend: *mut zend_function,
    is_started: *mut zend_function,
    is_suspended: *mut zend_function,
}

impl Methods {
    /// Looks them up. They live as long as PHP.
    pub(crate) fn find() -> Methods {
        // SAFETY: the class is one of the engine, and its methods are there.
        let find = |name: &str| unsafe {
            zend_hash_str_find_ptr_lc(&raw const (*zend_ce_fiber).function_table, name.as_ptr().cast(), name.len())
                .cast::<zend_function>()
        };
        Methods {
            get_current: find("getCurrent"),
            construct: find("__construct"),
            start: find("start"),
            resume: find("resume"),
            suspend: find("suspend"),
            is_started: find("isStarted"),
            is_suspended: find("isSuspended"),
        }
    }

    /// Calls a function of PHP that has no effect.
    pub(crate) fn call_nothing(&self) {
        call(self.get_current, ptr::null_mut(), None);
    }

    /// Suspends the running Fiber as `Fiber::suspend()` does. Returns when it is resumed, perhaps with an exception.
    pub(crate) fn suspend(&self) {
        call(self.suspend, ptr::null_mut(), None);
    }

    /// Makes a Fiber that will call `callable`. An exception is pending if that is none.
    pub(crate) fn make(&self, callable: &Zval) -> Option<Fiber> {
        let mut object = Zval::new();
        // SAFETY: the class can be instantiated; on success the value holds the only reference.
        if unsafe { object_init_ex(&raw mut object, zend_ce_fiber) } != 0 {
            return None;
        }
        let fiber = Fiber { object, methods: *self };
        call(self.construct, fiber.raw(), Some(callable));
        // SAFETY: the globals of this thread.
        let failed = unsafe { !(*ext_php_rs_executor_globals()).exception.is_null() };
        (!failed).then_some(fiber)
    }
}

/// A Fiber that we hold a reference of. One that has not ended is unwound when the last reference is dropped.
#[derive(Debug)]
pub(crate) struct Fiber {
    object: Zval,
    methods: Methods,
}

impl Fiber {
    /// Its address, to compare.
    pub(crate) fn address(&self) -> *const zend_object {
        self.raw()
    }

    /// Whether the script holds a reference as well: then it exists on without ours.
    pub(crate) fn is_shared(&self) -> bool {
        // SAFETY: the object lives while we hold a reference.
        unsafe { (*self.raw()).gc.refcount > 1 }
    }

    /// A second reference.
    pub(crate) fn share(&self) -> Fiber {
        Fiber { object: self.object.shallow_clone(), methods: self.methods }
    }

    /// Runs it until it ends or is suspended for the first time.
    pub(crate) fn start(&self, argument: &Zval) {
        call(self.methods.start, self.raw(), Some(argument));
    }

    /// Continues it.
    pub(crate) fn resume(&self) {
        call(self.methods.resume, self.raw(), None);
    }

    /// False if there was no memory for its stack.
    pub(crate) fn is_started(&self) -> bool {
        call(self.methods.is_started, self.raw(), None).is_true()
    }

    pub(crate) fn is_suspended(&self) -> bool {
        call(self.methods.is_suspended, self.raw(), None).is_true()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        // SAFETY: the object is a Fiber, and lives while we hold a reference.
        unsafe { fastapi_websocket_has_ended(self.raw().cast()) }
    }

    fn raw(&self) -> *mut zend_object {
        // SAFETY: the value holds an object, from its making on.
        unsafe { self.object.value.obj }
    }
}

fn call(method: *mut zend_function, object: *mut zend_object, argument: Option<&Zval>) -> Zval {
    let mut returned = Zval::new();
    let (count, argument) = argument.map_or((0, ptr::null()), |argument| (1, ptr::from_ref(argument)));
    // SAFETY: a method of the class, an object of it or none for a static one, and arguments that live during the call.
    // The engine copies them.
    unsafe {
        zend_call_known_function(
            method,
            object,
            zend_ce_fiber,
            &raw mut returned,
            count,
            argument.cast_mut(),
            ptr::null_mut(),
        );
    }
    returned
}

const TRANSFER_ERROR: u8 = 1 << 0;
const TRANSFER_BAILOUT: u8 = 1 << 1;

/// `zend_fiber_transfer`
#[repr(C)]
struct Transfer {
    context: *mut zend_fiber_context,
    value: Zval,
    flags: u8,
}

unsafe extern "C" {
    fn fastapi_websocket_note_frame(fiber: *mut zend_fiber, frame: *mut zend_execute_data);
    fn fastapi_websocket_has_ended(fiber: *mut zend_fiber) -> bool;
    static zend_ce_fiber: *mut zend_class_entry;
    fn object_init_ex(value: *mut Zval, class: *mut zend_class_entry) -> std::ffi::c_int;
    fn zend_fiber_switch_context(transfer: *mut Transfer);
    fn zend_fiber_switch_blocked() -> bool;
    fn zend_throw_exception_internal(exception: *mut zend_object);
}
