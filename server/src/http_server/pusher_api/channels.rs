//! What is asked about channels, and about the connections of this server.

use queue::ChannelName;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::attributes::Attributes;
use super::counting;
use super::given::channel;
use super::refused::Refused;
use super::signature::Parameters;
use crate::hub::{ChannelPage, Hub};
use crate::protocol::pusher::{self, channel::is_cache};

/// Most channels of a list.
const MAX_LISTED: usize = 100_000;

/// `GET /apps/ID/channels`: those that have subscribers.
pub(super) async fn list(hub: &Hub, parameters: &Parameters) -> Result<Value, Refused> {
    let prefix = parameters.get("filter_by_prefix").unwrap_or_default();
    let info = Attributes::parse(parameters.get("info").unwrap_or_default())?;
    if info.user_count && !prefix.starts_with("presence-") {
        return Err(Refused::bad("user_count needs filter_by_prefix with a beginning of presence-"));
    }
    if info.cache {
        return Err(Refused::bad("info of a list is user_count and subscription_count: ask for cache of one channel"));
    }
    let page = ChannelPage { prefix: prefix.to_owned(), after: String::new(), limit: MAX_LISTED + 1 };
    let found = counting::page(hub, page).await?;
    if found.len() > MAX_LISTED {
        return Err(Refused::bad(format!("there are more than {MAX_LISTED} channels: ask with filter_by_prefix")));
    }
    let hub = hub.clone();
    // There may be many, and clients wait for this thread.
    let listed = spawn_blocking(move || {
        let channels = found.into_iter().filter(|(channel, _)| is_for_pusher(channel));
        let answers =
            |(channel, count): (ChannelName, u64)| (channel.to_string(), Value::from(info.of(&hub, &channel, count)));
        json!({ "channels": channels.map(answers).collect::<Map<_, _>>() })
    });
    listed.await.map_err(|_| Refused::unavailable("listing has failed, the log says why"))
}

/// `GET /apps/ID/channels/NAME`
pub(super) async fn one(hub: &Hub, name: &str, parameters: &Parameters) -> Result<Value, Refused> {
    let channel = channel(name)?;
    let info = Attributes::parse(parameters.get("info").unwrap_or_default())?;
    if info.user_count && !channel.is_presence() {
        return Err(Refused::bad("user_count is there for presence channels alone"));
    }
    if info.cache && !is_cache(&channel) {
        return Err(Refused::bad("cache is there for cache channels alone"));
    }
    let count = counting::subscriptions(hub, &channel).await?;
    let mut answers = info.of(hub, &channel, count);
    answers.insert("occupied".to_owned(), (count > 0).into());
    Ok(answers.into())
}

/// `GET /apps/ID/channels/NAME/users`
pub(super) fn users(hub: &Hub, name: &str) -> Result<Value, Refused> {
    let channel = channel(name)?;
    if !channel.is_presence() {
        return Err(Refused::bad("users are known of presence channels alone"));
    }
    let users: Vec<Value> = hub.users_of(&channel).iter().map(|user| json!({ "id": &**user })).collect();
    Ok(json!({ "users": users }))
}

/// `GET /apps/ID/connections`: all clients of this server.
pub(super) fn connections(hub: &Hub) -> Value {
    json!({ "connections": hub.metrics().hub().connections.iter().sum::<u64>() })
}

/// Whether Pusher clients can have a channel by their own subscription.
fn is_for_pusher(channel: &ChannelName) -> bool {
    !channel.is_for_producers() && pusher::channel::is_of_protocol(channel)
}
