//! Serving: from the settings to the exit, by a signal. What a start waits for is in [`crate::starting`].

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use queue::max_open_segments;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::signal::{Received, Signals};
use server::{Config, MAX_SPARE_SLOTS};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::admin;
use crate::logging;
use crate::recent_problems::RecentProblems;
use crate::reload::{Given, Reload};
use crate::starting;
use crate::systemd;

/// Files that are open beside the clients' sockets: the queue, epoll, inotify, wake-ups, standard streams, and
/// connections that are only answered.
const DESCRIPTORS_BESIDE_CLIENTS: u64 = 64;
/// The fewest with which the queue is read and health checks are answered while clients take all others.
const MIN_DESCRIPTORS_BESIDE_CLIENTS: u64 = 40;

/// How long work that waits for a disk may hold up the exit, after everything else has ended.
const BLOCKED_TIMEOUT: Duration = Duration::from_millis(500);

pub(crate) fn run(mut config: Config, queue: &Path, given: Given, warnings: &[String]) -> anyhow::Result<()> {
    let problems = RecentProblems::default();
    logging::start(config.log_format, &config.log_level, problems.clone()).context("cannot start to log")?;
    warnings.iter().for_each(|warning| warn!("{warning}"));
    raise_descriptor_limit(&mut config)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let grace = config.shutdown_grace;
    let ended = runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        let (options, publisher) = (config.admin.clone(), admin::publisher(&config, queue));
        let contents = config.contents();
        let Some(server) = starting::bind(config, queue, &mut signals).await? else { return Ok(()) };
        for address in server.local_addrs() {
            info!(%address, queue = %queue.display(), "listening");
        }
        warn_of_unread_queues(queue);
        let admin = admin::start(&options, publisher, server.observer(), problems)?;
        let watchdog = systemd::ready(server.hub().clone());
        let reload = Reload::new(given, contents, &server, &admin);
        let (stopping, reads) = (admin.stopping(), TaskTracker::new());
        let serving = async {
            let stopped = server.run(stop_on_signal(signals, reload, stopping.clone(), reads.clone())).await;
            stopping.cancel();
            stopped
        };
        let end_of_reads = async {
            stopping.cancelled().await;
            reads.close();
            if timeout(grace, reads.wait()).await.is_err() {
                warn!("reading the settings again is not finished, and is given up");
            }
        };
        let (stopped, ()) = tokio::join!(serving, end_of_reads);
        admin.stop().await;
        stopped?;
        watchdog.stop().await;
        info!("stopped");
        Ok(())
    });
    runtime.shutdown_timeout(BLOCKED_TIMEOUT);
    ended
}

/// A producer with a mistyped path creates a directory beside ours and is told that all is well.
fn warn_of_unread_queues(queue: &Path) {
    for unread in queue.parent().map(|above| queue::unread_queues(above, queue)).unwrap_or_default() {
        warn!(path = %unread.display(), "events wait in a directory beside the queue that no broadcaster reads");
    }
}

/// Returns at the first signal that ends the server, and reads the settings again until then. A second one ends the
/// process at once: nothing waits for this task, since it waits for nothing but that.
///
/// It alone reports to the service manager, so that nothing follows the report that it stops.
async fn stop_on_signal(mut signals: Signals, mut reload: Reload, stopping: CancellationToken, reads: TaskTracker) {
    let signal = loop {
        match signals.next().await {
            Received::Stop(signal) => break signal,
            Received::HangUp => {}
        }
        // The files may be slow to read: clients and signals do not wait for that.
        systemd::reloading();
        let reading = reads.spawn_blocking(move || {
            let status = reload.run();
            (reload, status)
        });
        tokio::select! {
            signal = signals.stop() => break signal,
            Ok((done, status)) = reading => {
                systemd::reloaded(&status);
                reload = done;
            }
            else => break signals.stop().await,
        }
    };
    info!(signal, "stopping, a second signal exits at once");
    stopping.cancel();
    systemd::stopping();
    tokio::spawn(async move {
        let signal = signals.stop().await;
        warn!(signal, "exiting at once");
        logging::finish();
        std::process::exit(1);
    });
}

/// Files that may be open beside the clients' sockets, with segments of the journal, and sockets of operators and of the
/// hook.
pub(crate) fn descriptors_beside_clients(config: &Config) -> u64 {
    let admin_sockets = config.admin.listen.map_or(0, |_| admin::DESCRIPTORS);
    DESCRIPTORS_BESIDE_CLIENTS + max_open_segments(None) + admin_sockets + config.hook_sockets() as u64
}

/// Every client takes a descriptor, and the usual soft limit of 1,024 is for programs that use select(). If it cannot
/// be raised there may be fewer clients.
pub(crate) fn raise_descriptor_limit(config: &mut Config) -> anyhow::Result<()> {
    let beside_clients = descriptors_beside_clients(config);
    let admission = &mut config.admission;
    let limit = getrlimit(Resource::Nofile);
    let wanted = admission.max_connections as u64 + beside_clients;
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < reachable) {
        let raised = Rlimit { current: Some(reachable), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            warn!(%error, "cannot raise the limit of open files");
        }
    }
    if reachable == wanted {
        return Ok(());
    }
    // Clients that took the last descriptor would keep us from reading the queue.
    let beside_clients = beside_clients - max_open_segments(None) + max_open_segments(Some(reachable));
    let kept = beside_clients.min(reachable / 2).max(MIN_DESCRIPTORS_BESIDE_CLIENTS);
    let room = reachable.saturating_sub(kept) as usize;
    ensure!(
        room > 0,
        "only {reachable} files may be open, at least {} are needed: raise LimitNOFILE or ulimit -Hn",
        MIN_DESCRIPTORS_BESIDE_CLIENTS + 1
    );
    warn!(
        limit = reachable,
        wanted,
        max_connections = room,
        "fewer files may be open than max_connections needs (LimitNOFILE, ulimit -Hn)"
    );
    admission.max_connections = room;
    admission.spare_slots = (room / 8).clamp(1, MAX_SPARE_SLOTS);
    Ok(())
}
