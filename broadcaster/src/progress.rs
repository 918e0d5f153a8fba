//! Progress of work that can take long, for people at a terminal. Nothing is shown where standard error is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work is over before anybody has read a bar.
const LEAST: usize = 100;

/// A bar for so many entries.
pub(crate) fn of_entries(count: usize) -> ProgressBar {
    // It is hidden by itself where standard error is no terminal.
    let target = if count < LEAST { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} entries, {eta} left");
    ProgressBar::with_draw_target(Some(count as u64), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
