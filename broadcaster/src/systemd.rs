//! What systemd offers, where it started us: a socket that outlives restarts, notice of our state, and a watchdog
//! (sd_listen_fds(3), sd_notify(3)). Elsewhere nothing here does anything.

use std::net::TcpListener;

use anyhow::{Context, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use server::Hub;
use tokio::task::JoinHandle;
use tracing::{info, warn};

/// How much longer a start may take, each time that we say that we wait.
const START_EXTENSION_USEC: u32 = 30_000_000;

/// The listening socket that was passed to us, if one was.
pub(crate) fn socket() -> anyhow::Result<Option<TcpListener>> {
    let mut passed = ListenFd::from_env();
    if passed.len() > 1 {
        bail!(
            "systemd passed {} sockets, and this service takes one: one ListenStream= in its socket unit",
            passed.len()
        );
    }
    let socket = passed.take_tcp_listener(0).context("the socket that systemd passed is no TCP socket")?;
    if socket.is_some() {
        info!("listening on the socket of the service manager, --listen is not used");
    }
    Ok(socket)
}

/// Reports that clients are served, and keeps the watchdog quiet as long as the hub answers.
pub(crate) fn ready(hub: Hub) -> Watchdog {
    notify(&[NotifyState::Ready, NotifyState::Status("serving")]);
    Watchdog::start(Some(hub))
}

/// Reports that another broadcaster serves. The service counts as started: it does what it is there for. The watchdog
/// runs from here on, and is kept quiet as long as this runtime is not stuck.
pub(crate) fn standing_by() -> Watchdog {
    notify(&[NotifyState::Ready, NotifyState::Status("waiting to take over the queue")]);
    Watchdog::start(None)
}

/// Reports what a start waits for. It does not count as started, and may take longer than the service manager allows
/// for a start: this has to be reported again within that time.
pub(crate) fn waiting(status: &str) {
    notify(&[NotifyState::Status(status), NotifyState::ExtendTimeoutUsec(START_EXTENSION_USEC)]);
}

/// Reports that the settings are read again. [`reloaded`] ends it.
pub(crate) fn reloading() {
    // A service of the type `notify-reload` (systemd 253) has to tell the time; one of the type `notify` may.
    match NotifyState::monotonic_usec_now() {
        Ok(time) => notify(&[NotifyState::Reloading, time]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// Reports that the settings were read again, and what became of that.
pub(crate) fn reloaded(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("closing clients")]);
}

/// The task behind the watchdog.
pub(crate) struct Watchdog {
    task: Option<JoinHandle<()>>,
}

impl Watchdog {
    fn start(hub: Option<Hub>) -> Watchdog {
        let task = sd_notify::watchdog_enabled().map(|interval| {
            tokio::spawn(async move {
                loop {
                    if let Some(hub) = &hub
                        && !hub.is_alive().await
                    {
                        return;
                    }
                    notify(&[NotifyState::Watchdog]);
                    tokio::time::sleep(interval / 3).await;
                }
            })
        });
        Watchdog { task }
    }

    pub(crate) async fn stop(self) {
        if let Some(task) = self.task {
            task.abort();
            // It was aborted, or has ended with the hub.
            let _ = task.await;
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "cannot report to the service manager");
    }
}
