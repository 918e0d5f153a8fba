//! The hooks of a server: the one that is asked, and those of settings that have changed since, whose questions are still
//! on their way.

use std::sync::{Arc, Mutex, PoisonError};

use crate::http_server::hook::{Hook, HookOptions};
use crate::hub::Hub;

/// The hooks of a server. All clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Hooks(Arc<Mutex<Vec<Arc<Hook>>>>);

impl Hooks {
    /// The hook of these options, if there is to be one. One that is there already goes on: its questions count.
    pub(super) fn of(&self, options: Option<&HookOptions>, hub: &Hub) -> Option<Arc<Hook>> {
        let mut hooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that nobody asks any more, and has nothing to do.
        hooks.retain(|hook| Arc::strong_count(hook) > 1 || hook.is_busy());
        let options = options?;
        let known = hooks.iter().find(|hook| hook.options() == options).cloned();
        Some(known.unwrap_or_else(|| {
            let hook = Arc::new(Hook::new(options.clone(), hub.clone()));
            hooks.push(hook.clone());
            hook
        }))
    }

    /// Ends questions that are on their way, and waits for that.
    pub(super) async fn stop(&self) {
        let hooks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for hook in hooks {
            hook.stop().await;
        }
    }
}
