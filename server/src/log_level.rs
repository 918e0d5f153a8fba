//! What `RUST_LOG` means. A word that is no level would be taken for the name of a part of the program, and hide all
//! others.

use std::fmt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A value of `RUST_LOG` that names no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel {
    value: String,
    instead: LevelFilter,
}

/// The filter for levels (`debug`) and levels of parts (`hyper=debug`), with commas between. `info` if it is none.
pub fn filter(value: &str) -> (EnvFilter, Option<UnknownLevel>) {
    let value = value.trim();
    let pieces: Vec<&str> = value.split(',').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    // What has a bracket is a span, which may have commas of its own.
    let is_whole = value.contains('[') || pieces.iter().all(|piece| is_piece(piece));
    let is_whole = is_whole && !value.ends_with('=');
    let parsed = if is_whole { EnvFilter::try_new(pieces.join(",")).ok() } else { None };
    match parsed {
        Some(filter) => (filter, None),
        None => (EnvFilter::new("info"), Some(UnknownLevel::new(value, LevelFilter::INFO))),
    }
}

/// A level, or a part with its level. The library takes a part without a name or without a level, too, and then hides
/// all others.
fn is_piece(piece: &str) -> bool {
    let (part, level) = piece.split_once('=').map_or((None, piece), |(part, level)| (Some(part), level));
    part.is_none_or(|part| !part.trim().is_empty())
        && !level.trim().is_empty()
        && level.trim().parse::<LevelFilter>().is_ok()
}

/// Whether a value is one that [`filter`] takes as it is.
pub fn is_level(value: &str) -> bool {
    filter(value).1.is_none()
}

/// The level, for who has no filter of parts. `instead` if it is none.
pub fn level(value: &str, instead: LevelFilter) -> (LevelFilter, Option<UnknownLevel>) {
    let value = value.trim();
    match value.parse() {
        Ok(level) => (level, None),
        Err(_) => (instead, Some(UnknownLevel::new(value, instead))),
    }
}

impl UnknownLevel {
    fn new(value: &str, instead: LevelFilter) -> UnknownLevel {
        UnknownLevel { value: value.to_owned(), instead }
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownLevel { value, instead } = self;
        write!(f, "RUST_LOG={value:?} is no level, so {instead} is used: write off, error, warn, info, debug or trace")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_of_parts_are_taken_as_they_are() {
        for (value, meant) in [
            ("warn", "warn"),
            ("DEBUG", "debug"),
            (" Info ", "info"),
            ("off", "off"),
            ("warn, server=debug ,", "server=debug,warn"),
            ("server[span{a=1}]=trace", "server[span{a=1}]=trace"),
        ] {
            let (filter, unknown) = filter(value);
            assert_eq!((filter.to_string().as_str(), unknown), (meant, None), "{value}");
        }
    }

    #[test]
    fn what_is_no_level_is_reported_and_hides_nothing() {
        for value in [
            "warning",
            "verbose",
            "none",
            "error,verbose",
            "server",
            "server=loud",
            "x=",
            "=",
            "=info",
            "info,x=",
            "server[span]=",
        ] {
            let (filter, unknown) = filter(value);
            let told = unknown.expect(value).to_string();
            assert_eq!(filter.to_string(), "info", "{value}");
            assert!(told.contains(&format!("{value:?}")) && told.contains("off, error, warn, info"), "{told}");
        }
        assert_eq!(level(" Info ", LevelFilter::WARN), (LevelFilter::INFO, None));
        let (level, unknown) = level("warning", LevelFilter::WARN);
        assert_eq!(level, LevelFilter::WARN);
        assert!(unknown.expect("no level").to_string().contains("so warn is used"));
    }
}
