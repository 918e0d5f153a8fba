//! Objects of PHP that hold a value of ours: made and freed by the engine, with the value in the same piece of memory.
//! Which value that is, a class says by [`Native`]. Values hold no values of PHP, so that the garbage collector sees
//! all there are.
#![allow(unsafe_code)]

use std::mem::{MaybeUninit, offset_of};
use std::ptr;
use std::sync::OnceLock;

use ext_php_rs::ffi::{
    ext_php_rs_zend_object_alloc, object_properties_init, std_object_handlers, zend_class_entry, zend_object,
    zend_object_handlers, zend_object_std_dtor, zend_object_std_init,
};
use ext_php_rs::flags::ClassFlags;
use ext_php_rs::zend::{ClassEntry, ExecuteData};

/// What objects of a class hold. A new object holds the default.
pub(crate) trait Native: Default + 'static {
    /// Where the functions of these objects are kept.
    fn handlers() -> &'static OnceLock<zend_object_handlers>;

    /// Exchanges functions of the engine's for others. Called once.
    fn adapt(handlers: &mut zend_object_handlers);
}

#[repr(C)]
struct Container<T> {
    value: T,
    object: zend_object,
}

/// Lets all objects of a class and its subclasses hold a value. They cannot be serialized.
pub(crate) fn install<T: Native>(class: &mut ClassEntry) {
    class.__bindgen_anon_2.create_object = Some(create::<T>);
    class.ce_flags |= ClassFlags::NotSerializable.bits();
}

/// The value of the object that the running method was called on. None if it was called without an object.
pub(crate) fn of<T: Native>(call: &ExecuteData) -> Option<&T> {
    let object = call.This.object()?;
    // SAFETY: a method of the class runs only on objects of the class or a subclass, and `create` has made all of
    // those. The object lives as long as the call.
    Some(unsafe { &*value(ptr::from_ref(object).cast_mut()) })
}

/// The value of an object.
///
/// # Safety
/// The object must have been made by `create` with the same type.
pub(crate) unsafe fn value<T: Native>(object: *mut zend_object) -> *mut T {
    let container: *mut Container<T> = object.wrapping_byte_sub(offset_of!(Container<T>, object)).cast();
    // SAFETY: the object is part of a container.
    unsafe { &raw mut (*container).value }
}

/// Makes an object. Its constructor is not called.
///
/// # Safety
/// The class must be one that was given to [`install`] with the same type, or a subclass.
pub(crate) unsafe extern "C" fn create<T: Native>(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: as every class with data of its own does: memory from the engine, in which its part and ours are
    // initialised.
    unsafe {
        let container = ext_php_rs_zend_object_alloc(size_of::<Container<T>>(), class).cast::<Container<T>>();
        ptr::write(&raw mut (*container).value, T::default());
        let object = &raw mut (*container).object;
        zend_object_std_init(object, class);
        object_properties_init(object, class);
        (*object).handlers = T::handlers().get_or_init(make_handlers::<T>);
        object
    }
}

fn make_handlers<T: Native>() -> zend_object_handlers {
    let mut handlers = MaybeUninit::uninit();
    // SAFETY: a copy of the engine's own handlers.
    let mut handlers: zend_object_handlers = unsafe {
        ptr::copy_nonoverlapping(&raw const std_object_handlers, handlers.as_mut_ptr(), 1);
        handlers.assume_init()
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "an offset of some bytes")]
    {
        handlers.offset = offset_of!(Container<T>, object) as _;
    }
    handlers.free_obj = Some(free::<T>);
    T::adapt(&mut handlers);
    handlers
}

unsafe extern "C" fn free<T: Native>(object: *mut zend_object) {
    // SAFETY: the engine calls it once for each object that `create` has made.
    unsafe {
        ptr::drop_in_place(value::<T>(object));
        zend_object_std_dtor(object);
    }
}
