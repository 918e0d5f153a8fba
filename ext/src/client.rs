//! A client as the hub's thread and PHP's thread share it: whether it is connected, and its messages that PHP has not
//! read.

mod unread;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use server::{ClientMessage, Disconnect, Headers, Hub, Reception, SessionId};

use crate::process::Process;
use crate::waiters::WaiterId;
use unread::Unread;
pub(crate) use unread::UnreadBytes;

pub(crate) struct Client {
    pub(crate) session: SessionId,
    /// The request target as sent.
    pub(crate) path: String,
    pub(crate) headers: Headers,
    hub: Hub,
    process: Process,
    open: AtomicBool,
    /// PHP has an object for it, and is notified when it ends.
    known: AtomicBool,
    inbox: Mutex<Inbox>,
}

struct Inbox {
    unread: Unread,
    /// A handler runs or is about to start: messages are kept for it.
    handled: bool,
    /// The hub does not read from the client.
    paused: bool,
    /// The calls that wait in `read()`.
    readers: Vec<WaiterId>,
}

/// What `read()` finds.
pub(crate) enum Next {
    Message(ClientMessage),
    /// There is none, and none will come.
    End,
    /// There is none yet. The reader is notified when that changes.
    Wait,
}

impl Client {
    pub(crate) fn new(client: server::Client, hub: Hub, handled: bool, all: Arc<UnreadBytes>) -> Client {
        Client {
            session: client.session,
            path: client.path,
            headers: client.headers,
            hub,
            process: Process::this(),
            open: AtomicBool::new(true),
            known: AtomicBool::new(handled),
            inbox: Mutex::new(Inbox { unread: Unread::new(all), handled, paused: false, readers: Vec::new() }),
        }
    }

    /// Whether something can be sent to it.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst) && !self.process.was_forked()
    }

    /// Whether messages wait to be read.
    pub(crate) fn has_unread(&self) -> bool {
        !self.process.was_forked() && !self.lock().unread.is_empty()
    }

    /// Hands a frame to the hub. False if it will not be sent.
    pub(crate) fn send(&self, frame: Vec<u8>) -> bool {
        self.is_open() && self.hub.send(self.session, frame)
    }

    /// Ends the connection with a close frame and forgets what was not read. Returns the readers to wake.
    pub(crate) fn close(&self, disconnect: Disconnect) -> Vec<WaiterId> {
        if self.process.was_forked() {
            return Vec::new();
        }
        if self.open.swap(false, Ordering::SeqCst) {
            self.hub.close(self.session, disconnect);
        }
        let mut inbox = self.lock();
        inbox.unread.clear();
        std::mem::take(&mut inbox.readers)
    }

    /// Takes the next message, or remembers the reader that waits for it.
    pub(crate) fn next(&self, reader: Option<WaiterId>) -> Next {
        if self.process.was_forked() {
            return Next::End;
        }
        let mut inbox = self.lock();
        let Some(message) = inbox.unread.pop() else {
            if !self.is_open() {
                return Next::End;
            }
            inbox.readers.extend(reader);
            return Next::Wait;
        };
        if inbox.paused && inbox.unread.has_room() {
            inbox.paused = false;
            self.hub.resume(self.session);
        }
        Next::Message(message)
    }

    /// Forgets a call that waited in `read()`.
    pub(crate) fn forget_reader(&self, reader: WaiterId) {
        if self.process.was_forked() {
            // A thread of the parent may have held the lock when the process was forked.
            return;
        }
        self.lock().readers.retain(|waiting| *waiting != reader);
    }

    /// PHP has made an object for it. False if it has ended already, so that no notification will come.
    pub(crate) fn make_known(&self) -> bool {
        self.known.store(true, Ordering::SeqCst);
        self.is_open()
    }

    /// Its handler has returned: messages that were not read, and all later ones, are relayed or ignored.
    pub(crate) fn finish_handling(&self, relay: bool) {
        if self.process.was_forked() {
            return;
        }
        let mut inbox = self.lock();
        inbox.handled = false;
        // Under the lock, so that later messages of the client are not relayed before these.
        while let Some(message) = inbox.unread.pop() {
            if let Some(event) = server::plain::relayed_event(&message).filter(|_| relay) {
                self.hub.relay(self.session, event);
            }
        }
        if std::mem::take(&mut inbox.paused) {
            self.hub.resume(self.session);
        }
    }

    /// Keeps a message for the handler. Called by the hub. Calls `wake` with each reader to wake.
    pub(crate) fn receive(&self, message: ClientMessage, wake: impl FnMut(WaiterId)) -> Reception {
        let mut inbox = self.lock();
        if !inbox.handled {
            return Reception::Declined(message);
        }
        if !self.open.load(Ordering::SeqCst) {
            return Reception::Taken; // It was closed, and its messages are ignored.
        }
        let fits = inbox.unread.push(message);
        inbox.readers.drain(..).for_each(wake);
        if !fits {
            self.open.store(false, Ordering::SeqCst);
            inbox.unread.clear();
            self.hub.close(self.session, Disconnect::Overloaded);
        } else if inbox.unread.is_full() {
            inbox.paused = true;
            return Reception::TakenAndFull;
        }
        Reception::Taken
    }

    /// Notes that it has ended. Called by the hub. Calls `wake` with each reader to wake. Returns whether PHP
    /// has an object for it.
    pub(crate) fn end(&self, wake: impl FnMut(WaiterId)) -> bool {
        self.open.store(false, Ordering::SeqCst);
        self.lock().readers.drain(..).for_each(wake);
        self.known.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Every critical section leaves it consistent, so a panic elsewhere does no harm.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
