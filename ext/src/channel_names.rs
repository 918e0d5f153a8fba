//! Names of channels in arguments, and how a value that is none is shown.

use queue::{ChannelName, InvalidChannel};

/// So many bytes of a wrong value are shown.
const SHOWN_BYTES: usize = 200;

/// Reads a name.
///
/// # Errors
/// What the value must be.
pub(crate) fn parse(text: &[u8]) -> Result<ChannelName, String> {
    let parsed = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("must be the name of a channel, {} given: {InvalidChannel}", quoted(text)))
}

/// A wrong value, for the message about it.
pub(crate) fn quoted(text: &[u8]) -> String {
    let shown = queue::shown_bytes(&text[..text.len().min(SHOWN_BYTES)]);
    let rest = if text.len() > SHOWN_BYTES { format!("... ({} bytes)", text.len()) } else { String::new() };
    format!("\"{shown}\"{rest}")
}
