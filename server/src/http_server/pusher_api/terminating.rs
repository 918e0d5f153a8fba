//! `POST /apps/ID/users/ID/terminate_connections`

use serde_json::{Value, json};
use tokio::time::timeout;

use super::counting::TIMEOUT;
use super::refused::Refused;
use crate::hub::{Hub, Who};

/// Ends the connections of a user, after everything that was sent before.
pub(super) async fn terminate(hub: &Hub, user: &str) -> Result<Value, Refused> {
    match timeout(TIMEOUT, hub.disconnect(Who::User(user.into()))).await {
        Ok(Ok(_)) => Ok(json!({})),
        Ok(Err(not_done)) => Err(Refused::unavailable(not_done.to_string())),
        Err(_) => Err(Refused::unavailable("it has taken too long: some connections may be there still, try again")),
    }
}
