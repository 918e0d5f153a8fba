//! Values that depend on others, for those who want to see what counts.

use super::{Config, Value};

impl Config {
    /// The value that counts, of a setting whose default depends on others or on the machine. None for all others.
    pub fn decided(&self, key: &str) -> Option<Value> {
        let whole = |number: usize| Some(Value::Whole(number as u64));
        match key {
            "listen" if self.host.contains(':') => Some(Value::Text(format!("[{}]:{}", self.host, self.port))),
            "listen" => Some(Value::Text(format!("{}:{}", self.host, self.port))),
            "host" => Some(Value::Text(self.host.clone())),
            "port" => Some(Value::Whole(self.port.into())),
            "hub_threads" => whole(self.hub_threads),
            "max_memory" => whole(self.limits.max_memory),
            "max_subscriptions" => whole(self.limits.max_subscriptions),
            "public_channels" => Some(Value::Patterns(self.rights.public.clone())),
            "history_events_everybody" => whole(self.history.everybody.events),
            "recover_bytes" => whole(self.history.recover_bytes),
            // With a broker there is no history log.
            "history_dir" if self.history_dir.is_none() && self.keeps_history() && self.broker.is_none() => {
                self.queue.as_ref().map(|queue| Value::Path(queue.join("history")))
            }
            _ => None,
        }
    }
}
