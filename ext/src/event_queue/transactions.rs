//! `begin()`, `commit()`, `rollback()` and `transaction()`.

use std::panic::AssertUnwindSafe;

use ext_php_rs::types::Zval;
use ext_php_rs::zend::{CatchError, ExecuteData, try_catch};

use super::object::{self, Misuse, Queue};
use super::publishing;
use super::uid_text::UidText;
use crate::arguments;
use crate::exception::{self, guard};
use crate::json::Refusal;
use crate::producer;
use crate::queue_exception;
use crate::zend;

/// `begin()`
pub(super) extern "C" fn begin(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 0, 0).is_ok() {
        guard(|| report(queue.begin(false)));
    }
}

/// `commit()`: writes what was published since `begin()`, as one entry.
pub(super) extern "C" fn commit(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 0, 0).is_err() {
        return;
    }
    let committed = producer::catch(|| {
        queue.check_end(false).map_err(thrown)?;
        // The list before all else: when PHP has no memory for it, the events are not in the queue.
        let uids = UidText::list(queue.transaction_len(), |index| queue.transaction_uid(index))?;
        write(queue)?;
        Ok(uids)
    });
    match committed {
        Ok(uids) => returned.set_hashtable(uids),
        Err(refusal) => queue_exception::throw(&refusal),
    }
}

/// `rollback()`: forgets what was published since `begin()`.
pub(super) extern "C" fn rollback(call: &mut ExecuteData, returned: &mut Zval) {
    returned.set_null();
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 0, 0).is_ok() {
        guard(|| report(queue.check_end(false).map(|()| drop(queue.end()))));
    }
}

/// `transaction(callable $do)`: what it returns, after what it published was written.
pub(super) extern "C" fn transaction(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 1, 1).is_err() {
        return;
    }
    let Some(callable) = zend::argument(call, 0) else { return };
    if !callable.is_callable() {
        exception::throw_argument_type_error(1, "callable", &zend::type_name(callable));
        return;
    }
    if let Err(misuse) = queue.begin(true) {
        misuse.throw();
        return;
    }
    let called = try_catch(AssertUnwindSafe(|| zend::call(callable)));
    let value = match called {
        Ok(value) => value,
        Err(CatchError::Bailout) => {
            queue.lose();
            zend::continue_bailout();
        }
        Err(error) => {
            drop(queue.end());
            queue_exception::throw(&Refusal::Reason(format!("internal error: {error}")));
            return;
        }
    };
    if exception::is_pending() {
        let events = queue.end().map(|batch| batch.len());
        if let Some(events) = events.filter(|_| exception::is_script_ending()) {
            // No code of the script learns of it in any other way.
            object::warn_rolled_back(events, "the script ended");
        }
        return;
    }
    let committed = producer::catch(|| {
        queue.check_end(true).map_err(thrown)?;
        write(queue)
    });
    match committed {
        Ok(()) => *returned = value,
        Err(refusal) => queue_exception::throw(&refusal),
    }
}

/// Writes the events of the transaction, which ends it in any case.
fn write(queue: &Queue) -> Result<(), Refusal> {
    queue.end().map_or(Ok(()), |batch| publishing::write(queue, &batch))
}

fn report(outcome: Result<(), Misuse>) {
    if let Err(misuse) = outcome {
        misuse.throw();
    }
}

fn thrown(misuse: Misuse) -> Refusal {
    misuse.throw();
    Refusal::Thrown
}
