//! How many subscriptions channels have. All threads of the hub are asked, which takes some milliseconds.

use std::time::Duration;

use queue::ChannelName;
use tokio::time::timeout;

use super::refused::Refused;
use crate::hub::{ChannelPage, Hub};

/// How long the threads of the hub may take, for all that one request asks.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Channels with their subscriptions, in the order of their names.
pub(super) async fn page(hub: &Hub, page: ChannelPage) -> Result<Vec<(ChannelName, u64)>, Refused> {
    match timeout(TIMEOUT, hub.channels(page)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(not_done)) => Err(Refused::unavailable(not_done.to_string())),
        Err(_) => Err(too_slow()),
    }
}

/// What is answered if that was not enough. Nothing was queued.
pub(super) fn too_slow() -> Refused {
    Refused::unavailable("counting has taken too long, so nothing was done: try again, or without info")
}

/// The subscriptions of one channel.
pub(super) async fn subscriptions(hub: &Hub, channel: &ChannelName) -> Result<u64, Refused> {
    // Of all names that begin so, the channel's own is the first.
    let found = page(hub, ChannelPage { prefix: channel.to_string(), after: String::new(), limit: 1 }).await?;
    Ok(found.into_iter().find(|(name, _)| name == channel).map_or(0, |(_, count)| count))
}
