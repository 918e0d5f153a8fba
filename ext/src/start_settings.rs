//! What was given for those settings of `start()` that the server library declares. `ini` fills it.

use std::collections::BTreeMap;

use server::config::{Setting, Settings, Value};

#[derive(Debug, Default)]
pub(crate) struct StartSettings {
    settings: Settings,
    /// What is wrong with values of php.ini, by key.
    problems: BTreeMap<&'static str, String>,
}

impl StartSettings {
    /// Takes a value; none: the default counts.
    pub(crate) fn set(&mut self, setting: &'static Setting, value: Option<Value>) {
        self.problems.remove(setting.key);
        match value {
            Some(value) => setting.set(&mut self.settings, value),
            None => setting.unset(&mut self.settings),
        }
    }

    /// Notes that the value is wrong.
    pub(crate) fn set_wrong(&mut self, setting: &'static Setting, problem: String) {
        setting.unset(&mut self.settings);
        self.problems.insert(setting.key, problem);
    }

    /// What was given.
    ///
    /// # Errors
    /// What is wrong with a value of php.ini.
    pub(crate) fn given(&self) -> Result<Settings, String> {
        self.problems.values().next().map_or_else(|| Ok(self.settings.clone()), |problem| Err(problem.clone()))
    }
}
