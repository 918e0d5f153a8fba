//! Serving: standing by, starting, stopping on a signal.

use std::path::Path;

use anyhow::Context;
use queue::{OpenError, Reader, Standby};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::config::{Admission, MAX_SPARE_SLOTS};
use server::server::{BindError, STANDBY_INTERVAL, Server};
use server::signal::Signals;
use server::{Config, NoApplication};
use tracing::{info, warn};

use crate::args::LogFormat;
use crate::environment::Stranger;
use crate::logging;
use crate::systemd;

/// Files that are open beside the clients' sockets: the queue, epoll, inotify, wake-ups, standard streams, and connections that
/// are only answered.
pub(crate) const DESCRIPTORS_BESIDE_CLIENTS: u64 = 64;

pub(crate) fn run(
    mut config: Config,
    queue: &Path,
    log_format: LogFormat,
    strangers: &[Stranger],
) -> anyhow::Result<()> {
    logging::start(log_format).context("cannot start to log")?;
    strangers.iter().for_each(|stranger| warn!("{stranger}"));
    raise_descriptor_limit(&mut config.admission);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        let Some(server) = bind_or_stand_by(config, queue, &mut signals).await? else { return Ok(()) };
        info!(address = %server.local_addr(), queue = %queue.display(), "listening");
        warn_of_unread_queues(queue);
        let watchdog = systemd::ready(server.hub().clone());
        server.run(stop_on_signal(signals)).await?;
        watchdog.stop().await;
        info!("stopped");
        Ok(())
    })
}

/// A producer with a mistyped path creates a directory beside ours and is told that all is well.
fn warn_of_unread_queues(queue: &Path) {
    for unread in queue.parent().map(|above| queue::unread_queues(above, queue)).unwrap_or_default() {
        warn!(path = %unread.display(), "events wait in a directory beside the queue that no broadcaster reads");
    }
}

/// Returns the server once it owns the queue; none if a signal came first.
async fn bind_or_stand_by(mut config: Config, queue: &Path, signals: &mut Signals) -> anyhow::Result<Option<Server>> {
    let socket = systemd::socket()?;
    // Dropped when we listen: the one that we take over from goes on accepting until then.
    let mut standby = None;
    let mut watchdog = None;
    let bound = loop {
        let bound = match &socket {
            Some(socket) => Server::bind_to(socket.try_clone()?, config.clone(), |_| NoApplication),
            None => Server::bind(config.clone(), |_| NoApplication),
        };
        match bound {
            Err(BindError::Queue(OpenError::Locked(_))) => {
                if !std::mem::replace(&mut config.shares_port, true) {
                    info!(queue = %queue.display(), "another broadcaster owns the queue, waiting to take over");
                    watchdog = Some(systemd::standing_by());
                }
                // Without it we take over all the same, perhaps after a moment in which nobody listens.
                standby = standby.or_else(|| Standby::announce(queue).ok());
            }
            // Deleted while we wait. Whoever makes it again expects one of us there.
            Err(BindError::Queue(OpenError::Missing(_))) if config.shares_port => standby = None,
            bound => break bound.map(Some),
        }
        tokio::select! {
            signal = signals.next() => {
                info!(signal, "stopped while waiting");
                break Ok(None);
            }
            () = until_free(queue) => {}
        }
    };
    if let Some(watchdog) = watchdog {
        watchdog.stop().await;
    }
    Ok(bound?)
}

/// Waits until nobody owns the queue, or there is none. Asking costs less than a server that finds it owned.
async fn until_free(queue: &Path) {
    loop {
        tokio::time::sleep(STANDBY_INTERVAL).await;
        if !Reader::is_owned(queue) {
            return;
        }
    }
}

/// Returns at the first signal. A second one ends the process at once: nothing waits for this task, since it waits for
/// nothing but that.
async fn stop_on_signal(mut signals: Signals) {
    let signal = signals.next().await;
    info!(signal, "stopping, a second signal exits at once");
    systemd::stopping();
    tokio::spawn(async move {
        let signal = signals.next().await;
        warn!(signal, "exiting at once");
        logging::finish();
        std::process::exit(1);
    });
}

/// Every client takes a descriptor, and the usual soft limit of 1,024 is for programs that use select(). If it cannot be
/// raised there may be fewer clients.
fn raise_descriptor_limit(admission: &mut Admission) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = admission.max_connections as u64 + DESCRIPTORS_BESIDE_CLIENTS;
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < reachable) {
        let raised = Rlimit { current: Some(reachable), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            warn!(%error, "cannot raise the limit of open files");
        }
    }
    if reachable == wanted {
        return;
    }
    // Clients that took the last descriptor would keep us from reading the queue.
    let room = (reachable - DESCRIPTORS_BESIDE_CLIENTS.min(reachable / 2)) as usize;
    warn!(
        limit = reachable,
        wanted,
        max_connections = room,
        "fewer files may be open than max_connections needs (LimitNOFILE, ulimit -Hn)"
    );
    admission.max_connections = room;
    admission.spare_slots = (room / 8).clamp(1, MAX_SPARE_SLOTS);
}
