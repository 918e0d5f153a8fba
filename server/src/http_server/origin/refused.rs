//! What the log says of pages that may not connect: once of each origin, a line a second, with the setting to change.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::warn;

use super::rule::Rule;
use crate::log_limit::LogLimit;

/// Origins that are logged one by one. Anybody can send any number of them: of further ones a line a minute is logged.
const MAX_LOGGED: usize = 100;
/// Characters of an origin that are shown. A host has 253 at most.
const MAX_SHOWN: usize = 300;

/// Which origins were logged.
#[derive(Debug, Default)]
pub(in crate::http_server) struct RefusedOrigins(Mutex<Logged>);

#[derive(Debug)]
struct Logged {
    origins: HashSet<String>,
    /// Of those that are logged one by one.
    each: LogLimit,
    further: LogLimit,
}

impl Default for Logged {
    fn default() -> Logged {
        Logged { origins: HashSet::new(), each: LogLimit::every_second(), further: LogLimit::default() }
    }
}

impl RefusedOrigins {
    /// Logs that a page was refused, unless its origin was logged before.
    pub(in crate::http_server) fn log_refusal(&self, origin: &str, host: Option<&str>) {
        let [origin, host] =
            [origin, host.unwrap_or_default()].map(|text| text.chars().take(MAX_SHOWN).collect::<String>());
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(others) = logged.note(&origin, Instant::now()) else { return };
        // So many were left out before this one.
        let others = Some(others).filter(|others| *others > 0);
        warn!(?origin, ?host, others, "a page may not connect: {}", remedy(&origin));
    }
}

impl Logged {
    /// Whether to log this origin now: then how many others were not logged.
    fn note(&mut self, origin: &str, now: Instant) -> Option<u64> {
        if self.origins.contains(origin) {
            return None;
        }
        if self.origins.len() < MAX_LOGGED {
            // One that comes too soon after another is logged when it comes again.
            let others = self.each.allow(now)?;
            self.origins.insert(origin.to_owned());
            return Some(others);
        }
        self.further.allow(now)
    }
}

fn remedy(origin: &str) -> &'static str {
    match origin {
        "null" => {
            "files, sandboxed frames and some redirects have the origin null. Serve the page by HTTP, or add \"null\" to \
             allowed_origins, which lets all such pages of any site connect"
        }
        "file://" => "it is a file in a web view: add \"file://\" to allowed_origins",
        _ if origin.parse::<Rule>().is_err() => {
            "that is no origin of a browser (scheme://host[:port]), so nothing can be added to allowed_origins for it; a \
             program that is no browser should send no Origin"
        }
        _ => {
            "its origin is not among allowed_origins. If it is yours, add it there exactly as it is written here; if it is \
             of the same host, let the proxy pass Host on"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_the_setting_takes_is_to_be_added_to_it() {
        assert!(remedy("https://a.example").contains("add it there"));
        for origin in ["http://localhost/path", "x", "http://a b"] {
            assert!(remedy(origin).contains("is no origin of a browser"), "{origin}");
        }
    }

    #[test]
    fn each_origin_is_logged_once_and_of_very_many_a_line_a_minute() {
        let mut logged = Logged::default();
        let begin = Instant::now();
        assert_eq!(logged.note("https://0.example", begin), Some(0));
        assert_eq!(logged.note("https://1.example", begin), None, "in the same second");
        for number in 1..MAX_LOGGED {
            let now = begin + Duration::from_secs(number as u64);
            assert_eq!(logged.note(&format!("https://{number}.example"), now), Some(u64::from(number == 1)));
            assert_eq!(logged.note("https://0.example", now), None);
        }
        let now = begin + Duration::from_secs(MAX_LOGGED as u64);
        assert_eq!(logged.note("https://one.more", now), Some(0));
        for number in 0..1000 {
            assert_eq!(logged.note(&format!("https://more{number}.example"), now), None);
        }
        assert_eq!(logged.note("https://another", now + Duration::from_secs(61)), Some(1000));
        assert_eq!(logged.origins.len(), MAX_LOGGED);
    }
}
