//! SIGHUP: the settings are read again, and a running server takes those that it can. A mistake changes nothing, and is
//! logged with its place.

use std::path::PathBuf;

use anyhow::ensure;
use server::config::{ConfigError, Contents, HISTORY, Setting, Settings, Value, all_settings};
use server::{Config, Observer, Reloader, Server};
use tracing::{error, info, warn};

use crate::NO_QUEUE;
use crate::admin::{Admin, CurrentGuard};
use crate::config_file::{self, Read};
use crate::logging;
use crate::serve::raise_descriptor_limit;

/// What the server was started with.
#[derive(Debug)]
pub(crate) struct Given {
    /// Flags and variables. They do not change.
    pub(crate) settings: Settings,
    /// The configuration file.
    pub(crate) path: Option<PathBuf>,
    /// All settings, with those of the file.
    pub(crate) running: Settings,
}

/// Reads the settings again.
pub(crate) struct Reload {
    given: Given,
    reloader: Reloader,
    observer: Observer,
    guard: CurrentGuard,
    /// What the files of keys and tokens hold.
    contents: Contents,
}

/// What became of it.
struct Applied {
    /// Settings that have other values now.
    changed: Vec<&'static Setting>,
    /// Those that would have if the broadcaster was started again.
    waiting: Vec<&'static Setting>,
    /// Settings whose files hold something else now.
    contents: Vec<&'static str>,
}

/// Why a reload does not take a login away: a file that was cut would do the same.
const OPENED: &str = "neither a key for tokens nor a hook is left, so everybody could connect: set public_channels, or \
                      restart the broadcaster, if that is meant";

impl Reload {
    pub(crate) fn new(given: Given, contents: Contents, server: &Server, admin: &Admin) -> Reload {
        Reload { given, reloader: server.reloader(), observer: server.observer(), guard: admin.guard(), contents }
    }

    /// Reads and applies the settings, logs what became of that, and returns it for the service manager.
    pub(crate) fn run(&mut self) -> String {
        let applied = self.apply();
        self.observer.counters().config_reloaded(applied.is_ok());
        match applied {
            Ok(applied) => {
                applied.log();
                "serving".to_owned()
            }
            Err(error) => {
                let reason = format!("{error:#}");
                error!(%reason, "the settings stay as they are");
                format!("serving; the last reload was refused: {reason}")
            }
        }
    }

    fn apply(&mut self) -> anyhow::Result<Applied> {
        let Read { settings: mut wanted, config, .. } =
            config_file::read(self.given.settings.clone(), self.given.path.as_deref())?;
        // A file that the start would refuse, such as an empty one, is refused as well: it may be half written.
        ensure!(config.queue.is_some(), NO_QUEUE);
        let running = &self.given.running;
        let is_meant = wanted.has_login() || wanted.public_channels.is_some();
        ensure!(is_meant || !running.has_login(), OPENED);
        let differs = |setting: &&Setting| value(setting, &wanted) != value(setting, running);
        let (changed, waiting): (Vec<&Setting>, Vec<&Setting>) =
            all_settings().filter(differs).partition(|setting| self.can_change(setting));
        for setting in all_settings().filter(|setting| !self.can_change(setting)) {
            match setting.value(running) {
                Some(value) => setting.set(&mut wanted, value),
                None => setting.unset(&mut wanted),
            }
        }
        let mut config = if waiting.is_empty() { config } else { with_running(wanted.clone(), &waiting)? };
        raise_descriptor_limit(&mut config)?;
        self.reloader.reload(&config);
        self.guard.replace(&config.admin);
        logging::set_level(&config.log_level);
        self.given.running = wanted;
        let contents = config.contents();
        let differing = contents.differing(&self.contents).filter(|key| !is_told(key, &changed)).collect();
        self.contents = contents;
        Ok(Applied { changed, waiting, contents: differing })
    }

    fn can_change(&self, setting: &Setting) -> bool {
        let is_history = HISTORY.settings.iter().any(|of_history| of_history.key == setting.key);
        setting.reloads && (!is_history || self.reloader.has_history())
    }
}

/// Whether a setting that names files, or holds what they may, is among those that have changed.
fn is_told(key: &str, changed: &[&Setting]) -> bool {
    let itself = key.trim_end_matches("_file");
    changed.iter().any(|setting| setting.key == key || setting.key == itself)
}

/// The value that counts.
fn value(setting: &Setting, settings: &Settings) -> Option<Value> {
    setting.value(settings).or_else(|| setting.default())
}

/// Decides by what can change, together with what cannot.
fn with_running(settings: Settings, waiting: &[&Setting]) -> anyhow::Result<Config> {
    let keys: Vec<_> = waiting.iter().map(|setting| setting.file_key()).collect();
    let refuse = |error: ConfigError| {
        let keys = keys.join(", ");
        anyhow::anyhow!("{error} (with the running value of {keys}: that changes at a restart only)")
    };
    settings.resolve().map_err(refuse)
}

impl Applied {
    fn log(&self) {
        for setting in &self.waiting {
            warn!(key = %setting.file_key(), "this setting has changed and takes effect at a restart only");
        }
        let keys = self.changed.iter().map(|setting| setting.file_key().into_owned());
        let contents = self.contents.iter().map(|key| format!("{key} (what its files hold)"));
        let changed: Vec<String> = keys.chain(contents).collect();
        if changed.is_empty() {
            info!("settings and keys were read again, no other value takes effect");
        } else {
            info!(changed = changed.join(", "), "settings and keys were read again");
        }
    }
}
