//! The server library on threads of this process: it is started, stopped and waited for here. Its threads take no
//! signals and run no PHP code.

mod application;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use server::server::BindError;
use server::{Config, Hub, Server};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::descriptor_limit::Raised;
use crate::logging::{self, Logging};
use crate::process::Process;
use crate::server_descriptors::{self, Registration, ServerDescriptors};
use crate::shared::Shared;
use crate::signals;
use application::PhpApplication;

/// A server that runs on its own threads.
pub(crate) struct ServerThread {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    process: Process,
    shutdown: RefCell<Option<oneshot::Sender<()>>>,
    thread: RefCell<Option<JoinHandle<io::Result<()>>>>,
    /// Lets a fork close what the server has open.
    descriptors: RefCell<Option<Registration>>,
    /// The raised limit of open files, and the log.
    needs: RefCell<Option<(Raised, Logging)>>,
}

impl ServerThread {
    /// Takes the port and the queue and begins to serve.
    pub(crate) fn start(config: Config, shared: &Arc<Shared>) -> Result<ServerThread, BindError> {
        let raised = Raised::for_clients(config.admission.max_connections as u64);
        // Threads inherit the mask, and the server's own threads from this one.
        let mask = signals::block();
        let logging = logging::start();
        signals::unblock(&mask);
        let logging = logging?;
        let mut open_before = server_descriptors::open_descriptors();
        // It was opened for this server.
        open_before.remove(&shared.notifications.notifier().as_raw_fd());
        let queue = config.queue.clone();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (shutdown, on_shutdown) = oneshot::channel();
        let (on_start, started) = mpsc::sync_channel(1);
        let shared = shared.clone();
        let max_memory = config.limits.max_memory;
        let mask = signals::block();
        let thread = Builder::new().name("server".to_owned()).spawn(move || {
            let _entered = runtime.enter();
            let ending = Ending(shared.clone());
            match Server::bind(config, |hub| PhpApplication::new(shared.clone(), hub, max_memory)) {
                Ok(server) => {
                    // PHP's thread waits for it.
                    let _ =
                        on_start.send(Ok((server.local_addrs().to_vec(), server.local_addr(), server.hub().clone())));
                    let outcome = runtime.block_on(server.run(async {
                        let _ = on_shutdown.await;
                    }));
                    drop(ending);
                    outcome
                }
                Err(error) => {
                    let _ = on_start.send(Err(error));
                    Ok(())
                }
            }
        });
        signals::unblock(&mask);
        let thread = thread?;
        match started.recv() {
            Ok(Ok((addresses, address, hub))) => {
                let opened = ServerDescriptors::new(addresses, queue.as_deref(), &open_before);
                Ok(ServerThread {
                    address,
                    hub,
                    process: Process::this(),
                    shutdown: RefCell::new(Some(shutdown)),
                    thread: RefCell::new(Some(thread)),
                    descriptors: RefCell::new(Some(opened.register())),
                    needs: RefCell::new(Some((raised, logging))),
                })
            }
            Ok(Err(error)) => {
                // The thread has ended, or ends now.
                let _ = thread.join();
                Err(error)
            }
            Err(_) => {
                let _ = thread.join();
                Err(io::Error::other("a thread of the server panicked").into())
            }
        }
    }

    /// Whether this process is a fork of the one that serves.
    pub(crate) fn was_forked(&self) -> bool {
        self.process.was_forked()
    }

    /// Asks the server to close its port and every connection. It ends a moment later.
    pub(crate) fn request_shutdown(&self) {
        if self.was_forked() {
            return;
        }
        if let Some(shutdown) = self.shutdown.borrow_mut().take() {
            // It may have ended on its own.
            let _ = shutdown.send(());
        }
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    /// Why it has ended, if it was not asked to.
    pub(crate) fn join(&self) -> io::Result<()> {
        self.request_shutdown();
        let Some(thread) = self.thread.borrow_mut().take() else { return Ok(()) };
        if self.was_forked() {
            // The thread is the parent's; a handle of a thread that does not exist must not even be dropped.
            std::mem::forget(thread);
            return Ok(());
        }
        let outcome = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the server panicked")));
        // The server has closed everything, and the script may get the same numbers and the port.
        drop(self.descriptors.take());
        drop(self.needs.take());
        outcome
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        if self.was_forked() {
            std::mem::forget(self.shutdown.take());
        }
        // Who needs the outcome has called `join` before.
        let _ = self.join();
    }
}

/// Notifies PHP's thread when the server has ended, also by a panic.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.notifications.end();
    }
}
