//! The constructor, `publish()`, `publishAll()` and `now()`.

use std::time::SystemTime;

use ext_php_rs::types::{ZendHashTable, Zval};
use ext_php_rs::zend::ExecuteData;
use queue::{EnqueueError, Uid};

use super::batch::{self, Batch};
use super::given::{Given, NAMES};
use super::object::{self, Queue};
use super::uid_text::UidText;
use crate::arguments::{self, Origin};
use crate::exception::{self, guard};
use crate::iteration;
use crate::json::Refusal;
use crate::producer::{self, Failure, Producer, Queued};
use crate::queue_exception;
use crate::queue_path;
use crate::zend;

const PUBLISH_ALL: &str = "FASTAPI\\WebSocket\\EventQueue::publishAll";

/// `__construct(?string $path = null)`: notes the directory. Nothing is created, and nothing is refused.
pub(super) extern "C" fn construct(call: &mut ExecuteData, _returned: &mut Zval) {
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 0, 1).is_err() {
        return;
    }
    let Ok(path) = arguments::optional_text(zend::argument(call, 0), Origin::Argument(1)) else { return };
    guard(|| queue.set_directory(queue_path::locate(path.as_ref().map_or(&[], |path| path.as_bytes()))));
}

/// `publish(...)`: one event, at once, or when the transaction is committed.
pub(super) extern "C" fn publish(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 1, 7).is_err() {
        return;
    }
    let mut values = [None; 7];
    for (value, index) in values.iter_mut().zip(0..) {
        *value = zend::argument(call, index);
    }
    match producer::catch(|| publish_one(queue, values)) {
        Ok(uid) => uid.copy_to(returned),
        Err(refusal) => queue_exception::throw(&refusal),
    }
}

/// `publishAll(iterable $events)`: all of them, as one entry, or when the transaction is committed.
pub(super) extern "C" fn publish_all(call: &mut ExecuteData, returned: &mut Zval) {
    let Some(queue) = object::of(call) else { return };
    if arguments::check_count(call, 1, 1).is_err() {
        return;
    }
    let Some(events) = zend::argument(call, 0) else { return };
    if !iteration::is_iterable(events) {
        exception::throw_argument_type_error(1, "iterable", &zend::type_name(events));
        return;
    }
    let key = queue.gather();
    let gathered = producer::catch(|| gather(queue, key, events));
    let published = gathered.and_then(|()| {
        let uids = UidText::list(queue.gathered_len(key), |index| queue.gathered_uid(key, index))?;
        Ok((uids, queue.take_gathered(key)))
    });
    let published = published.and_then(|(uids, batch)| {
        producer::catch(|| if queue.is_in_transaction() { add(queue, batch) } else { write(queue, &batch) })?;
        Ok(uids)
    });
    match published {
        Ok(uids) => returned.set_hashtable(uids),
        Err(refusal) => {
            queue.take_gathered(key);
            queue_exception::throw(&refusal);
        }
    }
}

/// `now()`: this moment, as clients may name it to resume after it.
pub(super) extern "C" fn now(call: &mut ExecuteData, returned: &mut Zval) {
    if arguments::check_count(call, 0, 0).is_err() {
        return;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // It refuses only strings that are too long.
    let _ = returned.set_string(&format!("t.{}", now.as_millis()), false);
}

/// Writes a batch as one entry; nothing, if it is empty.
pub(super) fn write(queue: &Queue, batch: &Batch) -> Result<(), Refusal> {
    if batch.len() == 0 {
        return Ok(());
    }
    match producer(queue)?.enqueue_events(&batch.as_new(), batch.priority()) {
        Err(Failure::Enqueue(EnqueueError::TooLarge { size, limit })) => {
            Err(Refusal::Reason(batch::too_large(size, limit)))
        }
        enqueued => Ok(enqueued?),
    }
}

fn publish_one(queue: &Queue, values: [Option<&Zval>; 7]) -> Result<UidText, Refusal> {
    let given = Given::read(values, |index| Origin::Argument(u32::try_from(index + 1).unwrap_or(0)))?;
    // From here on no code of PHP runs, except for an error handler when the journal cannot be used.
    if queue.is_in_transaction() {
        let uid = new_uid()?;
        queue.add_event(&given, uid)?;
        return Ok(UidText::of(uid));
    }
    if given.is_plain() {
        return producer(queue)?.enqueue(given.name(), given.payload()).map(|queued| match queued {
            Queued::File(name) => UidText::new(&name),
            Queued::Record(uid) => UidText::of(uid),
        });
    }
    let producer = producer(queue)?;
    let uid = Uid::new();
    let channels = given.channels()?;
    producer.enqueue_events(&[given.as_new(uid, channels.as_deref())], given.priority())?;
    Ok(UidText::of(uid))
}

fn producer(queue: &Queue) -> Result<Producer, Refusal> {
    let directory = queue.directory().map_err(Refusal::Reason)?;
    queue_path::check_open_basedir(&directory).map_err(Refusal::Reason)?;
    producer::producer(directory)
}

fn new_uid() -> Result<Uid, Refusal> {
    producer::reseed_in_fork()?;
    Ok(Uid::new())
}

fn add(queue: &Queue, batch: Batch) -> Result<(), Refusal> {
    queue.add(batch).map_err(Refusal::Reason)
}

/// Gathers what an array or another iterable has.
fn gather(queue: &Queue, key: usize, events: &Zval) -> Result<(), Refusal> {
    iteration::each(events, &mut |index, item| {
        // A reference may get another value, and a generator may go on, while a payload is encoded.
        let item = item.dereference().shallow_clone();
        let Some(array) = item.array() else {
            let got = zend::type_name(&item);
            exception::throw_type_error(&format!("{PUBLISH_ALL}(): event {index} must be of type array, {got} given"));
            return Err(Refusal::Thrown);
        };
        let values = values_of(array, index)?;
        let origin = |name: usize| Origin::Item { method: PUBLISH_ALL, what: "event", index, name: NAMES[name] };
        let given = Given::read(values.each_ref().map(Option::as_ref), origin)?;
        queue.gather_event(key, &given, new_uid()?)
    })
}

/// The values of an item in the order of [`NAMES`].
fn values_of(item: &ZendHashTable, index: usize) -> Result<[Option<Zval>; 7], Refusal> {
    let mut values = [const { None }; 7];
    let mut items = item.iter();
    while let Some((name, value)) = items.next_zval() {
        let known = name.zend_str().and_then(|text| NAMES.iter().position(|known| known.as_bytes() == text.as_bytes()));
        let Some(known) = known else {
            let name = name.zend_str().map_or_else(
                || name.long().unwrap_or_default().to_string(),
                |text| crate::channel_names::quoted(text.as_bytes()),
            );
            exception::throw_value_error(&format!(
                "{PUBLISH_ALL}(): event {index} has the key {name}, which is no parameter of publish(): those are {}",
                NAMES.join(", ")
            ));
            return Err(Refusal::Thrown);
        };
        values[known] = Some(value.dereference().shallow_clone());
    }
    if values[0].is_none() {
        exception::throw_value_error(&format!("{PUBLISH_ALL}(): event {index} has no \"event\": its name is missing"));
        return Err(Refusal::Thrown);
    }
    Ok(values)
}
