//! The admin listener: what it answers, whom it refuses, and what its actions do to clients.

mod actions;
mod attacks;
mod commands;
mod documented;
mod health;
mod reading;
