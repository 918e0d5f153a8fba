//! What the binary does besides serving, one file a command.

pub(crate) mod admin;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod failed;
pub(crate) mod generate;
pub(crate) mod history;
pub(crate) mod listen;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod token;
