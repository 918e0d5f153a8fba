//! Settings of the process: its end and its log.

use super::form::Form;
use super::setting::section;
use super::value::LogFormat;

section! { "The process";
    shutdown_grace_secs: f64 = 10.0, Form::Seconds,
        "How long clients may take to leave when the server stops";
    log_format: LogFormat = LogFormat::Human, Form::Choice(LogFormat::WORDS),
        "How log lines on standard error look";
}
