//! What values may be: numbers, times, addresses.

use std::net::{Ipv6Addr, SocketAddr};
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, DEFAULT_MAX_HEADER_BYTES};
use crate::session_id::MAX_HUB_THREADS;

/// More than any machine has (a tebibyte), and little enough to be multiplied with.
const MAX_BYTES: u64 = if usize::BITS < 64 { 1 << 28 } else { 1 << 40 };
/// More than a process may have open files, and less than a semaphore may have permits.
const MAX_COUNT: u64 = if usize::BITS < 64 { 1 << 28 } else { 1 << 30 };
/// A hundred years.
const MAX_AGE_SECS: u64 = 100 * 365 * 24 * 60 * 60;

/// Parses a number of bytes, clients or the like on the command line.
///
/// # Errors
/// When it is no number, 0 or too large.
pub fn whole<T: FromStr<Err = ParseIntError> + Default + PartialEq>(text: &str) -> Result<T, &'static str> {
    match text.parse::<T>() {
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("is too large"),
        Ok(number) if number != T::default() => Ok(number),
        _ => Err("must be a whole number of at least 1"),
    }
}

/// Parses a number of seconds on the command line. Its range is that of the file's, see [`Settings::resolve`].
pub(super) fn number_of_seconds(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "must be a number of seconds, such as 0.5")
}

pub(super) fn parse_listen(listen: &str) -> Result<(String, u16), ConfigError> {
    let problem = "must be ADDRESS:PORT, for example 127.0.0.1:8081 or [::1]:8081";
    let refuse = || ConfigError::value("listen", listen, problem);
    if let Ok(address) = listen.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let (host, port) = listen.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() || host.contains(':') {
        return Err(refuse());
    }
    Ok((host.to_owned(), port))
}

/// An address alone, which may have the brackets that it needs before a port.
pub(super) fn without_brackets(host: String) -> String {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()).map_or_else(|| host.clone(), str::to_owned)
}

pub(super) fn hub_threads(given: Option<usize>) -> Result<usize, ConfigError> {
    let problem = "must be 1 to 64";
    match given {
        // More rarely help, and every one keeps a log. A processor that we may not use does not count.
        None => Ok(std::thread::available_parallelism().map_or(1, |processors| processors.get().min(4))),
        Some(threads) if (1..=MAX_HUB_THREADS).contains(&threads) => Ok(threads),
        Some(threads) => Err(ConfigError::value("hub_threads", threads, problem)),
    }
}

pub(super) fn max_header_bytes(given: Option<usize>) -> Result<usize, ConfigError> {
    let problem = "must be 1024 to 1048576: browsers send up to 1 KiB without cookies, and every request may fill it";
    match given.unwrap_or(DEFAULT_MAX_HEADER_BYTES) {
        bytes @ 1024..=1_048_576 => Ok(bytes),
        bytes => Err(ConfigError::value("max_header_bytes", bytes, problem)),
    }
}

/// A number of bytes.
pub(super) fn bytes(key: &'static str, given: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    at_most(MAX_BYTES, key, given, default)
}

/// A number of clients, entries or the like.
pub(super) fn count(key: &'static str, given: Option<usize>, default: usize) -> Result<usize, ConfigError> {
    // Both fit: it is at most MAX_COUNT.
    at_most(MAX_COUNT, key, given.map(|given| given as u64), default as u64).map(|count| count as usize)
}

/// A time that is longer than [`seconds`] may be.
pub(super) fn age(key: &'static str, given: Option<u64>, default: u64) -> Result<Duration, ConfigError> {
    at_most(MAX_AGE_SECS, key, given, default).map(Duration::from_secs)
}

fn at_most(max: u64, key: &'static str, given: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    match given.unwrap_or(default) {
        0 => Err(ConfigError::value(key, 0, "must be at least 1")),
        value if value > max => Err(ConfigError::value(key, value, format!("must be at most {max}"))),
        value => Ok(value),
    }
}

pub(super) fn seconds(key: &'static str, given: Option<f64>, default: f64) -> Result<Duration, ConfigError> {
    let secs = given.unwrap_or(default);
    let problem = "must be a number of seconds above 0, at most a day";
    if secs > 0.0 && secs <= 86_400.0 {
        Ok(Duration::from_secs_f64(secs))
    } else {
        Err(ConfigError::value(key, secs, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_names_and_of_both_families() {
        assert_eq!(parse_listen("localhost:80").ok(), Some(("localhost".to_owned(), 80)));
        assert_eq!(parse_listen("[::1]:80").ok(), Some(("::1".to_owned(), 80)));
    }
}
