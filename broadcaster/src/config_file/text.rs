//! The text of a configuration file. It may be a pipe, as shells make one of `<(...)`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest file: one that sets everything has a few kilobytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// All of the file. Devices and pipes may have no end, and would fill the memory.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        let problem = format!("it has more than {MAX_BYTES} bytes, so it is none");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(text)
}
