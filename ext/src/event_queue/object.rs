//! The PHP object of a queue: which directory it means, its transaction, and what was gathered. The engine makes and
//! frees it. Whatever was gathered is in here and not on the stack of a method: code of PHP may end with a jump that
//! frees nothing there.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::OnceLock;

use ext_php_rs::ffi::{zend_object, zend_object_handlers};
use ext_php_rs::php_class;
use ext_php_rs::zend::ExecuteData;
use queue::Uid;
use slab::Slab;

use super::batch::Batch;
use super::given::Given;
use crate::exception::{self, guard};
use crate::globals::GLOBALS;
use crate::json::Refusal;
use crate::native_object::{self, Native};
use crate::process::Process;
use crate::warning;

/// `FASTAPI\WebSocket\EventQueue`. What an object of it holds is a [`Queue`].
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\EventQueue")]
pub struct EventQueue;

/// What the object knows.
#[derive(Default)]
pub(super) struct Queue {
    /// The directory, or why the path names none. None before the constructor was called.
    directory: RefCell<Option<Result<PathBuf, String>>>,
    transaction: RefCell<Option<Transaction>>,
    /// What each `publishAll()` that runs has gathered. There can be several: one may be called by the generator of
    /// another.
    gathered: RefCell<Slab<Batch>>,
}

/// Events between `begin()` and `commit()`.
struct Transaction {
    /// A child has a copy of it, which it must not write.
    begun_in: Process,
    /// Whether `transaction()` has begun it and will end it.
    is_held: bool,
    batch: Batch,
}

/// Why a transaction cannot be begun or ended now.
#[derive(Debug, Clone, Copy)]
pub(super) enum Misuse {
    Nested,
    NotOpen,
    OfTheParent,
    Held,
}

impl Misuse {
    /// Throws a `LogicException`.
    pub(super) fn throw(self) {
        exception::throw_logic_exception(match self {
            Misuse::Nested => "a transaction is open already: commit() or roll it back first, there are no nested ones",
            Misuse::NotOpen => "no transaction is open: begin() begins one",
            Misuse::OfTheParent => {
                "no transaction is open in this process: the one that was open before the fork belongs to the parent, \
                 which alone can commit it or roll it back"
            }
            Misuse::Held => {
                "transaction() has begun this transaction and ends it: it commits when the callable returns, and rolls \
                 back when it throws"
            }
        });
    }
}

impl Queue {
    /// Sets the directory, or why there is none.
    pub(super) fn set_directory(&self, directory: Result<PathBuf, String>) {
        self.directory.replace(Some(directory));
    }

    /// The directory.
    pub(super) fn directory(&self) -> Result<PathBuf, String> {
        self.directory.borrow().clone().unwrap_or_else(|| Err("the queue path is empty".to_owned()))
    }

    /// Whether a transaction of this process is open.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction.borrow().as_ref().is_some_and(|open| !open.begun_in.was_forked())
    }

    /// Begins a transaction.
    pub(super) fn begin(&self, is_held: bool) -> Result<(), Misuse> {
        if self.is_in_transaction() {
            return Err(Misuse::Nested);
        }
        self.transaction.replace(Some(Transaction { begun_in: Process::this(), is_held, batch: Batch::default() }));
        GLOBALS.get().transaction_begins();
        Ok(())
    }

    /// Whether the transaction can be ended now: by the script, or by `transaction()`.
    pub(super) fn check_end(&self, by_holder: bool) -> Result<(), Misuse> {
        match &*self.transaction.borrow() {
            None => Err(Misuse::NotOpen),
            Some(open) if open.begun_in.was_forked() => Err(Misuse::OfTheParent),
            Some(open) if open.is_held && !by_holder => Err(Misuse::Held),
            Some(_) => Ok(()),
        }
    }

    /// Ends the transaction and returns its events. None if no transaction of this process is open.
    pub(super) fn end(&self) -> Option<Batch> {
        let ended = self.transaction.take().filter(|open| !open.begun_in.was_forked())?;
        GLOBALS.get().transaction_ended();
        Some(ended.batch)
    }

    /// Forgets the transaction because a fatal error ends the request, whose end will warn about it.
    pub(super) fn lose(&self) {
        self.transaction.take();
    }

    /// Adds events to the transaction, all or none.
    pub(super) fn add(&self, events: Batch) -> Result<(), String> {
        let limit = GLOBALS.get().max_event_bytes.get();
        match &mut *self.transaction.borrow_mut() {
            Some(open) => open.batch.append(events, limit),
            // Its caller has looked, and no code ran in between.
            None => Err("no transaction is open".to_owned()),
        }
    }

    /// Adds an event to the transaction.
    pub(super) fn add_event(&self, given: &Given, uid: Uid) -> Result<(), Refusal> {
        let limit = GLOBALS.get().max_event_bytes.get();
        match &mut *self.transaction.borrow_mut() {
            Some(open) => open.batch.push(given, uid, limit),
            // As above.
            None => Err(Refusal::Reason("no transaction is open".to_owned())),
        }
    }

    /// Number of events in the transaction.
    pub(super) fn transaction_len(&self) -> usize {
        self.transaction.borrow().as_ref().map_or(0, |open| open.batch.len())
    }

    /// The uid of an event in the transaction.
    pub(super) fn transaction_uid(&self, index: usize) -> Option<Uid> {
        self.transaction.borrow().as_ref().and_then(|open| open.batch.uid(index))
    }

    /// Begins to gather. Returns the key of what is gathered.
    pub(super) fn gather(&self) -> usize {
        self.gathered.borrow_mut().insert(Batch::default())
    }

    /// Adds an event to what is gathered.
    pub(super) fn gather_event(&self, key: usize, given: &Given, uid: Uid) -> Result<(), Refusal> {
        let limit = GLOBALS.get().max_event_bytes.get();
        self.gathered.borrow_mut()[key].push(given, uid, limit)
    }

    /// Number of events that were gathered.
    pub(super) fn gathered_len(&self, key: usize) -> usize {
        self.gathered.borrow()[key].len()
    }

    /// The uid of an event that was gathered.
    pub(super) fn gathered_uid(&self, key: usize, index: usize) -> Option<Uid> {
        self.gathered.borrow()[key].uid(index)
    }

    /// Takes away what was gathered.
    pub(super) fn take_gathered(&self, key: usize) -> Batch {
        self.gathered.borrow_mut().try_remove(key).unwrap_or_default()
    }
}

/// Warns that the events of a transaction are lost.
pub(super) fn warn_rolled_back(events: usize, when: &str) {
    warning::warn(&format!(
        "FASTAPI\\WebSocket\\EventQueue: the transaction was still open when {when}, it is rolled back: {events} \
         {} not queued",
        if events == 1 { "event was" } else { "events were" }
    ));
}

/// The queue that the running method was called on. None if it was called without an object.
pub(super) fn of(call: &ExecuteData) -> Option<&Queue> {
    native_object::of(call)
}

static HANDLERS: OnceLock<zend_object_handlers> = OnceLock::new();

impl Native for Queue {
    fn handlers() -> &'static OnceLock<zend_object_handlers> {
        &HANDLERS
    }

    fn adapt(handlers: &mut zend_object_handlers) {
        handlers.dtor_obj = Some(destroy);
        // Its transaction cannot be in two objects.
        handlers.clone_obj = None;
    }
}

/// What the engine calls instead of a destructor: at the end of the request at the latest, but not after a fatal error.
unsafe extern "C" fn destroy(object: *mut zend_object) {
    // SAFETY: the engine calls it for objects of the class, which live during the call.
    let queue = unsafe { &*native_object::value::<Queue>(object) };
    guard(|| {
        if let Some(batch) = queue.end() {
            let events = batch.len();
            // Code of PHP may run now.
            drop(batch);
            warn_rolled_back(events, "its object ended");
        }
    });
}
