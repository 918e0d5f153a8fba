//! What several of these tests need, apart from what other crates need as well (`testkit`).

pub(crate) mod admin;
pub(crate) mod broadcaster;
mod client;
pub(crate) mod frames;
mod inotify;
mod ledger;
mod limits;
pub(crate) mod producer;
mod random;
mod running;
pub(crate) mod systemd;

pub(crate) use broadcaster::{
    BINARY, GRACE, arguments, broadcaster_command, command, command_on, public_binary, standby,
};
pub(crate) use client::{
    Client, connect, connect_with_small_buffer, exchange, health, read_head, read_to_end, shake_hands,
};
pub(crate) use inotify::without_inotify;
pub(crate) use ledger::{Ledger, numbers};
pub(crate) use limits::may_open;
pub(crate) use producer::Producer;
pub(crate) use random::Random;
pub(crate) use running::{printed, run};
