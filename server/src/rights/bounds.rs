//! How large a token and what it says may be.

use std::time::Duration;

/// Longest token.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the clocks of who makes tokens and of ours may differ.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// Longest time that a new token may count: one that is stolen counts as long.
pub const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// Longest user (`sub`).
pub const MAX_USER_BYTES: usize = 200;
/// Most channels that a token subscribes at once (`channels`).
pub const MAX_TOKEN_CHANNELS: usize = 128;
/// Most patterns of a token (`allow`).
pub const MAX_ALLOWED: usize = 256;
/// Largest `info`, as JSON text.
pub const MAX_INFO_BYTES: usize = 1024;
/// Fewest bytes of a secret: as many as the hash of HS256 has (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// Most keys at once: more than any rotation needs, and each may be tried for every token.
pub(crate) const MAX_KEYS: usize = 16;
