//! What the code that decides about logins answers, as one that is broken or not ours would.

use crate::http_server::{try_output, try_records};

/// Fewer bytes than the server takes, so that the bound is met.
const MAX_BYTES: usize = 4096;

/// Takes bytes as what a script has written: headers and JSON.
///
/// # Panics
/// When that lets somebody in whom it must not.
pub fn hook_answer(bytes: &[u8]) {
    try_output(bytes);
}

/// Takes bytes as the records of a FastCGI server, in pieces of a length that the first byte says.
///
/// # Panics
/// When more is kept than may be, or an answer depends on its pieces.
pub fn fastcgi_records(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let whole = try_records(bytes.len(), bytes, MAX_BYTES);
    let in_pieces = try_records(usize::from(*piece), bytes, MAX_BYTES);
    assert_eq!(whole, in_pieces, "an answer depends on its pieces");
    if let Some(output) = whole {
        try_output(&output);
    }
}

#[cfg(test)]
mod tests {
    //! What the fuzzers found, each once.

    use super::*;

    #[test]
    fn an_answer_of_each_kind() {
        hook_answer(b"Status: 200 OK\r\n\r\n{\"user\":\"42\",\"channels\":[\"a\"],\"expires_in\":60}");
        hook_answer(b"Status: 401\r\n\r\n");
        fastcgi_records(b"\x03\x01\x06\0\x01\0\x04\0\0\r\n{}\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0");
        fastcgi_records(b"\x01HTTP/1.1 400 Bad Request");
    }
}
