//! Values of PHP as the JSON texts that PHP's own encoder makes of them, and why it refused.
//!
//! Decides what may be an event name. Does not build the entry: the queue crate joins the texts.

use std::fmt;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::{ZendStr, Zval};

use crate::arguments::Thrown;
use crate::zend::{self, EncodeError};

/// `json_encode()` allows 512 levels. The payload is one level deep in the entry and in the client's message, and a
/// decoder with the same limit must be able to read both.
const PAYLOAD_DEPTH: i32 = 511;

/// PHP's default.
pub(crate) const DEFAULT_DEPTH: i32 = 512;

/// Why there is no JSON text.
pub(crate) enum Refusal {
    /// PHP code that the encoder called threw; the exception is pending.
    Thrown,
    /// The value cannot be encoded, or is not allowed.
    Reason(String),
}

impl From<Thrown> for Refusal {
    fn from(_: Thrown) -> Refusal {
        Refusal::Thrown
    }
}

/// Encodes an event name: any value that PHP encodes as a string, a number or a bool.
pub(crate) fn encode_name(value: &Zval) -> Result<ZBox<ZendStr>, Refusal> {
    if value.is_null() || value.is_array() || value.is_resource() {
        return Err(not_a_name(value));
    }
    let text = encode("the event name", value, DEFAULT_DEPTH)?;
    match text.as_bytes().first() {
        Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f') => Ok(text),
        _ => Err(not_a_name(value)),
    }
}

/// Encodes a payload: any value that `json_encode()` accepts inside an array, with its bytes.
pub(crate) fn encode_payload(value: &Zval) -> Result<ZBox<ZendStr>, Refusal> {
    encode("the payload", value, PAYLOAD_DEPTH)
}

/// Encodes a value as `json_encode()` does; `what` is its name in a refusal.
pub(crate) fn encode(what: &str, value: &Zval, depth: i32) -> Result<ZBox<ZendStr>, Refusal> {
    zend::json_encode(value, depth).map_err(|error| match error {
        EncodeError::Thrown => Refusal::Thrown,
        EncodeError::Code(code) => Refusal::Reason(format!("{what} cannot be encoded as JSON: {}", JsonError(code))),
    })
}

fn not_a_name(value: &Zval) -> Refusal {
    Refusal::Reason(format!("the event name must be a string, got {}", zend::type_name(value)))
}

/// An error code of PHP's encoder, shown with the text of `json_last_error_msg()`.
///
/// PHP exports no function for the text; a test compares these with those of the running PHP.
struct JsonError(u32);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "Maximum stack depth exceeded",
            5 => "Malformed UTF-8 characters, possibly incorrectly encoded",
            6 => "Recursion detected",
            7 => "Inf and NaN cannot be JSON encoded",
            8 => "Type is not supported",
            9 => "The decoded property name is invalid",
            11 => "Non-backed enums have no default serialization",
            code => return write!(f, "error {code} of json_encode()"),
        })
    }
}
