//! What was published a short time ago: on disk, so that numbers go on after a restart ([`log`]), and in memory, to be
//! sent again to those who come back ([`History`]).

mod channel_rule;
mod channels;
mod fronts;
mod list;
pub(crate) mod log;
mod memory;
mod past;
mod rules;
mod times;

pub use channel_rule::{ChannelRule, InvalidChannelRule};
pub use log::{HistoryError, LogError, LogOnDisk, LogSummary, NextStart, PastEvent};

pub(crate) use memory::{History, HistorySize, in_order};
pub(crate) use past::PastPublication;
pub(crate) use rules::{HistoryRules, Rule};
