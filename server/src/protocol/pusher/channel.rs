//! Names of channels that mean something in the Pusher protocol.

use queue::ChannelName;

/// Channels whose last event is kept.
const CACHE: [&str; 4] = ["cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-"];
/// Channels whose events the server cannot read.
const ENCRYPTED: &str = "private-encrypted-";

/// The channel of a name, if it is one of this protocol.
pub(crate) fn parse(name: &str) -> Option<ChannelName> {
    name.parse().ok().filter(is_of_protocol)
}

/// Whether clients of this protocol can have a channel.
pub(crate) fn is_of_protocol(channel: &ChannelName) -> bool {
    !channel.as_str().contains([':', '/'])
}

/// Whether the last event of a channel is kept for who subscribes later.
pub(crate) fn is_cache(channel: &ChannelName) -> bool {
    CACHE.iter().any(|beginning| channel.as_str().starts_with(beginning))
}

/// Whether clients encrypt the events of a channel.
pub(crate) fn is_encrypted(channel: &ChannelName) -> bool {
    channel.as_str().starts_with(ENCRYPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_special_about_a_channel() {
        let is = |what: fn(&ChannelName) -> bool, name: &str| what(&parse(name).expect("a name"));
        for name in ["cache-a", "private-cache-a", "private-encrypted-cache-a", "presence-cache-a"] {
            assert!(is(is_cache, name), "{name}");
        }
        for name in ["a", "a-cache-", "private-a", "Cache-a", "presence-a-cache-b"] {
            assert!(!is(is_cache, name), "{name}");
        }
        assert!(is(is_encrypted, "private-encrypted-a") && !is(is_encrypted, "private-a"));
        assert!(parse("a:b").is_none() && parse("a/b").is_none() && parse("#server-to-user-7").is_some());
    }
}
