//! What `foreach` would go through: arrays, generators and other `Traversable` objects.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use ext_php_rs::ffi::zend_object_iterator;
use ext_php_rs::types::Zval;

use crate::exception;
use crate::json::Refusal;

/// Whether [`each`] takes the value.
pub(crate) fn is_iterable(value: &Zval) -> bool {
    value.is_array() || value.object().is_some_and(|object| object.is_traversable())
}

/// Called with the place of an element, from 0, and the element.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(usize, &Zval) -> Result<(), Refusal>;

/// Goes through all elements, until one is refused or code of PHP throws.
pub(crate) fn each(iterable: &Zval, visit: Visit<'_>) -> Result<(), Refusal> {
    if let Some(array) = iterable.array() {
        return array.values().enumerate().try_for_each(|(index, element)| visit(index, element));
    }
    let mut walk = Walk { visit, next: 0, outcome: Ok(()) };
    // SAFETY: the object is an argument and lives during the call, and so does what the callback gets.
    unsafe { spl_iterator_apply(ptr::from_ref(iterable).cast_mut(), step, (&raw mut walk).cast()) };
    walk.outcome?;
    if exception::is_pending() { Err(Refusal::Thrown) } else { Ok(()) }
}

struct Walk<'a> {
    visit: Visit<'a>,
    next: usize,
    outcome: Result<(), Refusal>,
}

const GO_ON: c_int = 0;
const STOP: c_int = 1 << 1;

unsafe extern "C" fn step(iterator: *mut zend_object_iterator, walk: *mut c_void) -> c_int {
    // SAFETY: `each` passes its own value, which nothing else uses now. The engine passes an iterator that has a
    // current element, or an exception is pending.
    let (walk, element) = unsafe {
        let element = (*(*iterator).funcs).get_current_data.map_or(ptr::null_mut(), |current| current(iterator));
        (&mut *walk.cast::<Walk<'_>>(), element.as_ref())
    };
    let Some(element) = element.filter(|_| !exception::is_pending()) else { return STOP };
    let index = walk.next;
    walk.next += 1;
    walk.outcome = crate::producer::catch(|| (walk.visit)(index, element));
    if walk.outcome.is_ok() { GO_ON } else { STOP }
}

unsafe extern "C" {
    fn spl_iterator_apply(
        object: *mut Zval,
        step: unsafe extern "C" fn(*mut zend_object_iterator, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}
