//! The last warnings and errors of the log, for the status page. Those that differ in their fields alone are one.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use queue::{printable, text_without_secrets};
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::remedy::remedy_of_line;

/// Different ones that are kept.
const MOST: usize = 50;
/// Longest text of one.
const MAX_BYTES: usize = 1000;

/// A layer of the log that keeps them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecentProblems(Arc<Mutex<VecDeque<RecentProblem>>>);

/// One of them, as it was logged last.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecentProblem {
    at_ms: u64,
    level: &'static str,
    message: String,
    count: u64,
    fix: Option<&'static str>,
    /// The text without fields.
    #[serde(skip)]
    kind: String,
}

impl RecentProblems {
    /// The last one first.
    pub(crate) fn all(&self) -> Vec<RecentProblem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn note(&self, level: &'static str, line: Line) {
        let Line { kind, fields } = line;
        let kind = shortened(kind);
        let message = if fields.is_empty() { kind.clone() } else { format!("{kind} ({fields})") };
        let message = shortened(printable(&text_without_secrets(&message)).to_string());
        let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.iter().position(|before| before.level == level && before.kind == kind);
        let count = before.and_then(|index| all.remove(index)).map_or(0, |before| before.count) + 1;
        if all.len() >= MOST {
            all.pop_front();
        }
        let fix = remedy_of_line(&kind);
        all.push_back(RecentProblem { at_ms, level, message, count, fix, kind });
    }
}

impl<S: Subscriber> Layer<S> for RecentProblems {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        let mut line = Line::default();
        event.record(&mut line);
        self.note(level, line);
    }
}

/// A line of the log.
#[derive(Debug, Default)]
struct Line {
    kind: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text does not fail.
        let _ = match field.name() {
            "message" => write!(self.kind, "{value:?}"),
            name => {
                let separator = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{separator}{name}: {value:?}")
            }
        };
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_BYTES {
        let end = (0..=MAX_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing::{error, info, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn noted(log: impl FnOnce()) -> Vec<RecentProblem> {
        let problems = RecentProblems::default();
        with_default(tracing_subscriber::registry().with(problems.clone()), log);
        problems.all()
    }

    #[test]
    fn the_last_different_ones_are_kept_with_their_number() {
        let all = noted(|| {
            info!("nothing to see");
            for number in 0..200 {
                warn!(number, "the same");
                warn!("kind {}", number % 60);
            }
            error!(error = %"no space", "the same");
        });
        assert_eq!(all.len(), MOST);
        let shown = |problem: &RecentProblem| (problem.level, problem.message.clone(), problem.count);
        assert_eq!(shown(&all[0]), ("error", "the same (error: no space)".to_owned(), 1));
        assert_eq!(shown(&all[1]), ("warn", "kind 19".to_owned(), 1), "what was pushed out is counted anew");
        assert_eq!(shown(&all[2]), ("warn", "the same (number: 199)".to_owned(), 200));
        assert!(all.iter().all(|problem| problem.at_ms > 1_600_000_000_000));
    }

    #[test]
    fn secrets_control_characters_and_long_texts_are_not_kept() {
        let all =
            noted(|| warn!(url = "redis://user:s3cret@host", path = "a\nb", text = "x".repeat(5000), "it failed"));
        let message = &all[0].message;
        assert!(!message.contains("s3cret") && !message.contains('\n') && message.len() < MAX_BYTES + 5, "{message}");
        let all = noted(|| (0..2).for_each(|number| warn!("{}{number}", "é".repeat(5000))));
        assert!(all.len() == 1 && all[0].count == 2 && all[0].kind.len() < MAX_BYTES + 5, "{all:?}");
    }

    #[test]
    fn those_that_are_known_have_a_remedy() {
        let all = noted(|| warn!("cannot raise the limit of open files"));
        assert!(all[0].fix.is_some_and(|fix| fix.contains("LimitNOFILE")));
    }
}
