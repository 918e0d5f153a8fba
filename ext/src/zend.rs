//! The calls into the engine that ext-php-rs does not wrap. Each function is safe to call while PHP runs a method of
//! ours.
//!
//! Where these call PHP code (`jsonSerialize()`, `__toString()`), a fatal error or the memory limit makes the engine
//! jump past the Rust frames below. Callers then hold nothing that needs a destructor, except memory that the engine
//! frees.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::{
    _call_user_function_impl, _efree, _emalloc, ext_php_rs_process_globals, ext_php_rs_sapi_module, php_output_write,
    zend_class_entry, zend_long, zend_read_static_property, zend_string, zend_update_static_property,
    zend_wrong_parameters_count_error,
};
use ext_php_rs::flags::DataType;
use ext_php_rs::types::{ZendObject, ZendStr, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData, ExecutorGlobals};

/// Longest path that PHP's path functions take, in bytes; they warn about longer ones.
pub(crate) const MAX_PATH_BYTES: usize = MAXPATHLEN - 1;
const MAXPATHLEN: usize = 4096;

/// PHP's allocator takes memory in chunks of this size; an allocation of almost this size or more has its own chunk.
const MEMORY_CHUNK: usize = 2 * 1024 * 1024;
/// The largest allocation that may fit inside a chunk that is used already.
const MAX_PROBE_BYTES: usize = 64 * 1024;

/// Why PHP's encoder gave no text.
pub(crate) enum EncodeError {
    /// PHP code threw, the exception is pending.
    Thrown,
    /// The `JSON_ERROR_*` code.
    Code(u32),
}

/// Encodes with the default flags of `json_encode()`. What `json_last_error()` returns to the script does not change.
pub(crate) fn json_encode(value: &Zval, depth: c_int) -> Result<ZBox<ZendStr>, EncodeError> {
    let globals = json_globals();
    let mut buffer = SmartStr { text: ptr::null_mut(), capacity: 0 };
    // SAFETY: `globals` points at the storage of PHP's json module for this thread, which outlives the call. The
    // encoder takes its value by a mutable pointer, but changes only recursion marks behind it and takes them back.
    let error = unsafe {
        let before = globals.read();
        php_json_encode_ex(&raw mut buffer, ptr::from_ref(value).cast_mut(), 0, zend_long::from(depth));
        // The returned status does not help: it means success for INF, NAN and bad UTF-8 in a key.
        let error = (*globals).error_code;
        // The script's json_last_error(), and the depth limit of a json_encode() that may be running around us.
        globals.write(before);
        error
    };
    // SAFETY: the encoder leaves null or a string of ours alone.
    let text = (!buffer.text.is_null()).then(|| unsafe { ZBox::from_raw(buffer.text) });
    if ExecutorGlobals::has_exception() {
        return Err(EncodeError::Thrown);
    }
    text.filter(|_| error == 0).ok_or(EncodeError::Code(error))
}

/// Converts as `(string)` does; none when the conversion threw. Must not be given an array, about which PHP warns.
pub(crate) fn to_string(value: &Zval) -> Option<ZBox<ZendStr>> {
    // SAFETY: the value is live and not changed; the answer is null or a reference of ours alone.
    unsafe {
        let text = zval_try_get_string_func(ptr::from_ref(value).cast_mut());
        (!text.is_null()).then(|| ZBox::from_raw(text))
    }
}

/// How many arguments the running call got.
pub(crate) fn argument_count(call: &ExecuteData) -> u32 {
    // SAFETY: in a running call this union holds the number of arguments.
    unsafe { call.This.u2.num_args }
}

/// Returns the argument at `index` (from 0) of the running call, if the caller passed it.
pub(crate) fn argument(call: &ExecuteData, index: u32) -> Option<&Zval> {
    if index >= argument_count(call) {
        return None;
    }
    // SAFETY: `index` is below the number of arguments, which lie behind the frame and live as long as the call.
    let argument: &Zval = unsafe { call.zend_call_arg(index as usize)? };
    Some(argument.dereference())
}

/// Throws PHP's own `ArgumentCountError` for the running method.
pub(crate) fn throw_argument_count_error(min: u32, max: u32) {
    // SAFETY: only reads the running call, which is one of a method of ours.
    unsafe { zend_wrong_parameters_count_error(min, max) };
}

/// Makes a relative path absolute from the script's current directory, without asking the file system for more.
pub(crate) fn absolute_path(path: &CStr) -> Option<CString> {
    let mut buffer = [0_u8; MAXPATHLEN];
    // SAFETY: both are NUL-terminated or long enough for what PHP writes, at most MAXPATHLEN bytes with the NUL.
    let resolved = unsafe { expand_filepath(path.as_ptr(), buffer.as_mut_ptr().cast()) };
    if resolved.is_null() {
        return None;
    }
    CStr::from_bytes_until_nul(&buffer).ok().map(CStr::to_owned)
}

/// Whether `open_basedir` lets this script use the path. Gives no warning.
pub(crate) fn is_allowed_by_open_basedir(path: &CStr) -> bool {
    // SAFETY: the path is NUL-terminated and only read.
    unsafe { php_check_open_basedir_ex(path.as_ptr(), 0) == 0 }
}

/// Calls a value that is callable, without arguments. An exception may be pending afterwards.
pub(crate) fn call(callable: &Zval) -> Zval {
    let mut returned = Zval::new();
    // SAFETY: values that live during the call. The engine does not change the callable.
    unsafe {
        _call_user_function_impl(
            ptr::null_mut(),
            ptr::from_ref(callable).cast_mut(),
            &raw mut returned,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
    }
    returned
}

/// Goes on with a jump of the engine out of everything that runs, after it was caught.
pub(crate) fn continue_bailout() -> ! {
    // SAFETY: the frames up to the handler of the engine hold nothing but memory that the engine frees.
    unsafe { ext_php_rs::zend::bailout() }
}

/// Reads a static property of a class, also a private one.
pub(crate) fn static_property<'a>(class: &'a ClassEntry, name: &str) -> Option<&'a Zval> {
    let raw = ptr::from_ref(class).cast_mut();
    // SAFETY: the class is registered; the engine answers with its own storage or null.
    unsafe { zend_read_static_property(raw, name.as_ptr().cast(), name.len(), true).as_ref() }
}

/// Writes a static property of a class, also a private one.
pub(crate) fn set_static_property(class: &ClassEntry, name: &str, value: &mut Zval) {
    let raw = ptr::from_ref(class).cast_mut();
    // SAFETY: the class is registered; the engine takes a reference of its own.
    unsafe { zend_update_static_property(raw, name.as_ptr().cast(), name.len(), value) };
}

/// Writes a property of an object, in the scope of a class.
pub(crate) fn set_property(class: &ClassEntry, object: &mut ZendObject, name: &str, value: &Zval) {
    let raw = ptr::from_ref(class).cast_mut();
    // SAFETY: class and object live; the engine takes a reference of its own.
    unsafe { zend_update_property(raw, object, name.as_ptr().cast(), name.len(), ptr::from_ref(value).cast_mut()) };
}

/// Whether this is a script of the command line, and not a web request.
pub(crate) fn is_command_line() -> bool {
    // SAFETY: the running SAPI has a name.
    let name = unsafe { CStr::from_ptr((*ext_php_rs_sapi_module()).name) };
    [c"cli", c"phpdbg", c"embed", c"micro"].contains(&name)
}

/// Prints as `echo` does.
pub(crate) fn print(text: &str) {
    // SAFETY: PHP copies or writes the bytes during the call.
    unsafe { php_output_write(text.as_ptr().cast(), text.len()) };
}

/// Whether PHP can allocate so many bytes in one piece without exceeding `memory_limit`, and leaves `reserve` for
/// others. Must be followed by that allocation at once.
pub(crate) fn has_room(bytes: usize, reserve: usize) -> bool {
    // SAFETY: reads globals of this thread.
    let limit = unsafe { (*ext_php_rs_process_globals()).memory_limit };
    let Ok(limit) = usize::try_from(limit) else { return true };
    // The limit counts chunks, used or not.
    let free = || limit.saturating_sub(memory_usage(true));
    let wanted = bytes.saturating_add(reserve).saturating_add(MEMORY_CHUNK);
    if free() >= wanted {
        return true;
    }
    if limit.saturating_sub(memory_usage(false)) < bytes.saturating_add(reserve) {
        return false;
    }
    if bytes > MAX_PROBE_BYTES {
        // The free memory inside chunks may be in pieces that are too small, for this or for what is done with it next.
        // SAFETY: the heap of this thread.
        unsafe { zend_mm_gc(zend_mm_get_heap()) };
        return free() >= wanted;
    }
    // A small piece almost always fits inside a chunk. An attempt with a higher limit shows it.
    // SAFETY: sets the limit back to what it was; the piece is released before that.
    unsafe {
        zend_set_memory_limit(limit + 2 * MEMORY_CHUNK);
        let probe = _emalloc(bytes);
        let fits = memory_usage(true) <= limit;
        _efree(probe);
        zend_set_memory_limit(limit);
        fits
    }
}

/// Bytes that the script has allocated, or those of the chunks that they are in.
fn memory_usage(chunks: bool) -> usize {
    // SAFETY: reads what belongs to this thread.
    unsafe { zend_memory_usage(chunks) }
}

/// Names a value's type as `get_debug_type()` does.
pub(crate) fn type_name(value: &Zval) -> String {
    match value.get_type() {
        DataType::Null | DataType::Undef => "null".to_owned(),
        DataType::False | DataType::True | DataType::Bool => "bool".to_owned(),
        DataType::Long => "int".to_owned(),
        DataType::Double => "float".to_owned(),
        DataType::String => "string".to_owned(),
        DataType::Array => "array".to_owned(),
        DataType::Resource => "resource".to_owned(),
        _ => value
            .object()
            .and_then(|object| object.get_class_entry().name())
            // An anonymous class has a name like `class@anonymous\0/file.php:3`.
            .map_or("unknown", |name| name.split('\0').next().unwrap_or(name))
            .to_owned(),
    }
}

#[repr(C)]
struct SmartStr {
    text: *mut zend_string,
    capacity: usize,
}

#[repr(C)]
struct JsonGlobals {
    encoder_depth: c_int,
    encode_max_depth: c_int,
    error_code: u32,
}

unsafe extern "C" {
    fn php_json_encode_ex(buffer: *mut SmartStr, value: *mut Zval, options: c_int, depth: zend_long) -> c_int;
    fn zval_try_get_string_func(value: *mut Zval) -> *mut zend_string;
    fn expand_filepath(path: *const c_char, resolved: *mut c_char) -> *mut c_char;
    fn zend_update_property(
        class: *mut zend_class_entry,
        object: *mut ZendObject,
        name: *const c_char,
        length: usize,
        value: *mut Zval,
    );
    fn zend_memory_usage(real: bool) -> usize;
    fn zend_set_memory_limit(limit: usize) -> c_int;
    fn zend_mm_get_heap() -> *mut c_void;
    fn zend_mm_gc(heap: *mut c_void) -> usize;
    fn php_check_open_basedir_ex(path: *const c_char, warn: c_int) -> c_int;
}

#[cfg(not(php_zts))]
fn json_globals() -> *mut JsonGlobals {
    unsafe extern "C" {
        static mut json_globals: JsonGlobals;
    }
    &raw mut json_globals
}

#[cfg(php_zts)]
fn json_globals() -> *mut JsonGlobals {
    unsafe extern "C" {
        static json_globals_id: c_int;
        fn ext_php_rs_tsrmg_bulk(id: c_int) -> *mut std::ffi::c_void;
    }
    // SAFETY: PHP's json module is always built in and started before any extension that is loaded.
    unsafe { ext_php_rs_tsrmg_bulk(json_globals_id).cast() }
}
