//! The handlers that the script has registered with `on()`, by path. Lives on PHP's thread; [`crate::shared`] has the
//! paths for the other threads.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use ext_php_rs::types::Zval;

#[derive(Default)]
pub(crate) struct Routes(RefCell<HashMap<String, Zval>>);

impl Routes {
    /// Registers a handler. Returns the one that it replaces, which is to be dropped when nothing is borrowed: that may
    /// run PHP code.
    pub(crate) fn insert(&self, path: String, callable: Zval) -> Option<Zval> {
        self.0.borrow_mut().insert(path, callable)
    }

    /// The handler for a request target: that of the target, else that of the target without its query.
    pub(crate) fn find(&self, target: &str) -> Option<Zval> {
        let routes = self.0.borrow();
        routes.get(target).or_else(|| routes.get(without_query(target))).map(Zval::shallow_clone)
    }

    /// The paths that have a handler.
    pub(crate) fn paths(&self) -> HashSet<String> {
        self.0.borrow().keys().cloned().collect()
    }

    /// Releases all handlers. This may run PHP code.
    pub(crate) fn release(&self) {
        // Taken out first: that code may register another.
        let routes = self.0.take();
        drop(routes);
    }

    /// Forgets all handlers without a release: PHP has taken back their memory.
    pub(crate) fn forget(&self) {
        self.0.take().into_values().for_each(std::mem::forget);
    }
}

/// A request target without its query.
pub(crate) fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}
