//! Arguments of methods whose parameters have types: converted by PHP's own rules, `declare(strict_types=1)` of the
//! caller included, and refused with PHP's own errors.
//!
//! A conversion may call `__toString()`: see [`crate::zend`] for what callers may hold meanwhile.
#![allow(unsafe_code)]

use std::ptr;

use ext_php_rs::ffi::{zend_long, zend_string};
use ext_php_rs::types::Zval;
use ext_php_rs::zend::ExecuteData;

use crate::exception;
use crate::zend;

/// An exception is pending that says what is wrong.
#[derive(Debug)]
pub(crate) struct Thrown;

/// Where a value came from, for exceptions about it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// The argument of the running method with this number, from 1.
    Argument(u32),
    /// A named value inside of the first argument of the running method.
    Item {
        /// The method, with its class.
        method: &'static str,
        /// What the array is, such as "event".
        what: &'static str,
        /// Its place among the others, from 0.
        index: usize,
        /// The name.
        name: &'static str,
    },
}

impl Origin {
    /// Throws a `TypeError`.
    pub(crate) fn throw_type_error(self, expected: &str, got: &Zval) -> Thrown {
        let got = zend::type_name(got);
        match self {
            Origin::Argument(number) => exception::throw_argument_type_error(number, expected, &got),
            Origin::Item { method, what, index, name } => exception::throw_type_error(&format!(
                "{method}(): {what} {index}: \"{name}\" must be of type {expected}, {got} given"
            )),
        }
        Thrown
    }

    /// Throws a `ValueError`: `rule` says what the value must be, and what it is.
    pub(crate) fn throw_value_error(self, rule: &str) -> Thrown {
        let rule = queue::printable(rule);
        match self {
            Origin::Argument(number) => exception::throw_argument_value_error(number, &rule),
            Origin::Item { method, what, index, name } => {
                exception::throw_value_error(&format!("{method}(): {what} {index}: \"{name}\" {rule}"));
            }
        }
        Thrown
    }

    fn number(self) -> u32 {
        match self {
            Origin::Argument(number) => number,
            Origin::Item { .. } => 1,
        }
    }
}

/// A string of PHP.
#[derive(Debug)]
pub(crate) struct Text(Zval);

impl Text {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.zend_str().map_or(&[], |text| text.as_bytes())
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &Zval {
        &self.0
    }
}

/// Throws PHP's `ArgumentCountError` unless the running method got so many arguments.
pub(crate) fn check_count(call: &ExecuteData, min: u32, max: u32) -> Result<(), Thrown> {
    if (min..=max).contains(&zend::argument_count(call)) {
        return Ok(());
    }
    zend::throw_argument_count_error(min, max);
    Err(Thrown)
}

/// The value as a string. Null is refused.
pub(crate) fn text(value: &Zval, origin: Origin) -> Result<Text, Thrown> {
    to_text(value, origin, "string")
}

/// The value as a string, or nothing if it is null.
pub(crate) fn optional_text(value: Option<&Zval>, origin: Origin) -> Result<Option<Text>, Thrown> {
    match value {
        Some(value) if !value.is_null() => to_text(value, origin, "?string").map(Some),
        _ => Ok(None),
    }
}

/// The value as a string; `expected` is what errors say of the type.
pub(crate) fn to_text(value: &Zval, origin: Origin, expected: &str) -> Result<Text, Thrown> {
    let mut text = value.shallow_clone();
    if text.is_string() {
        return Ok(Text(text));
    }
    let mut made: *mut zend_string = ptr::null_mut();
    // PHP would warn about null and go on with "".
    // SAFETY: the engine converts our own copy of the value in place.
    if !text.is_null() && unsafe { zend_parse_arg_str_slow(&raw mut text, &raw mut made, origin.number()) } {
        return Ok(Text(text));
    }
    if exception::is_pending() { Err(Thrown) } else { Err(origin.throw_type_error(expected, value)) }
}

/// The value as an int, or nothing if it is null.
pub(crate) fn optional_int(value: Option<&Zval>, origin: Origin) -> Result<Option<i64>, Thrown> {
    match value {
        Some(value) if !value.is_null() => to_int(value, origin, "?int").map(Some),
        _ => Ok(None),
    }
}

/// The value as an int, or the default if there is none. Null is refused.
pub(crate) fn int(value: Option<&Zval>, origin: Origin, default: i64) -> Result<i64, Thrown> {
    value.map_or(Ok(default), |value| to_int(value, origin, "int"))
}

fn to_int(value: &Zval, origin: Origin, expected: &str) -> Result<i64, Thrown> {
    if let Some(int) = value.long() {
        return Ok(int);
    }
    let mut copy = value.shallow_clone();
    let mut int: zend_long = 0;
    // PHP would warn about null and go on with 0.
    // SAFETY: the engine reads our own copy of the value.
    if !copy.is_null() && unsafe { zend_parse_arg_long_slow(&raw mut copy, &raw mut int, origin.number()) } {
        return Ok(int);
    }
    if exception::is_pending() { Err(Thrown) } else { Err(origin.throw_type_error(expected, value)) }
}

unsafe extern "C" {
    fn zend_parse_arg_str_slow(value: *mut Zval, made: *mut *mut zend_string, number: u32) -> bool;
    fn zend_parse_arg_long_slow(value: *mut Zval, made: *mut zend_long, number: u32) -> bool;
}
