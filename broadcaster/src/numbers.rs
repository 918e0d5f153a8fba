//! Numbers as they stand on the command line and in the environment. Their bounds are those of the settings.

use std::num::IntErrorKind;

use server::config::Whole;

/// Parses a number of bytes, clients or the like.
pub(crate) fn whole(text: &str) -> Result<u64, &'static str> {
    match text.parse::<u64>() {
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("is too large"),
        Ok(number) if number > 0 => Ok(number),
        _ => Err("must be a whole number of at least 1"),
    }
}

/// Parses a number that may be 0, in bounds of its own.
pub(crate) fn bounded(bounds: &Whole, text: &str) -> Result<u64, String> {
    let number = match text.parse::<i128>() {
        Ok(number) => number,
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => i128::MAX,
        Err(error) if *error.kind() == IntErrorKind::NegOverflow => i128::MIN,
        Err(_) => return Err("must be a whole number, without a unit".to_owned()),
    };
    let problem = bounds.problem(number);
    u64::try_from(number).ok().filter(|_| problem.is_none()).ok_or_else(|| problem.unwrap_or_default())
}

/// Parses a number of seconds.
pub(crate) fn number_of_seconds(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "must be a number of seconds, such as 0.5")
}
