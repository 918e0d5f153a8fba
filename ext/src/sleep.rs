//! `sleep()`, `usleep()`, `time_nanosleep()` and `time_sleep_until()` inside a handler: only that handler sleeps. The
//! functions stay PHP's own; only what they run is replaced, and outside of handlers they do what they always do.
#![allow(unsafe_code)]

use std::ptr;
use std::time::{Duration, Instant, SystemTime};

use ext_php_rs::ffi::zend_long;
use ext_php_rs::types::{ZendHashTable, Zval};
use ext_php_rs::zend::ExecuteData;

use crate::exception;
use crate::globals::GLOBALS;
use crate::hook::Hook;
use crate::zend;

static SLEEP: Hook = Hook::new("sleep", sleep);
static USLEEP: Hook = Hook::new("usleep", usleep);
static NANOSLEEP: Hook = Hook::new("time_nanosleep", time_nanosleep);
static SLEEP_UNTIL: Hook = Hook::new("time_sleep_until", time_sleep_until);
static HOOKS: [&Hook; 4] = [&SLEEP, &USLEEP, &NANOSLEEP, &SLEEP_UNTIL];

/// Replaces what the functions run. Called when PHP loads the library.
pub(crate) fn install() {
    HOOKS.iter().for_each(|hook| hook.install());
}

/// Undoes [`install`] before the library is unloaded.
pub(crate) fn uninstall() {
    HOOKS.iter().for_each(|hook| hook.uninstall());
}

/// Lets the running handler sleep. None if the running code is not in a handler, or cannot be left.
fn sleep_in_handler(duration: Duration) -> Option<Slept> {
    let event_loop = GLOBALS.get().event_loop()?;
    let now = Instant::now();
    // A time that is too far away for the clock is replaced by one in 136 years.
    let end = now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into()));
    event_loop.wait_until(end).then(|| Slept { left: end.saturating_duration_since(Instant::now()) })
}

struct Slept {
    /// The time that was left when the sleep ended early.
    left: Duration,
}

/// Whether a handler may be running. If not, the original function runs; it also refuses too many arguments.
fn may_be_in_handler(call: *mut ExecuteData, parameters: u32) -> bool {
    let globals = GLOBALS.get();
    globals.sleep_hook.get() && globals.event_loop().is_some() && argument(call, parameters).is_none()
}

unsafe extern "C" fn usleep(call: *mut ExecuteData, returned: *mut Zval) {
    let slept = may_be_in_handler(call, 1)
        .then(|| long(call, 0))
        .flatten()
        .and_then(|micros| sleep_in_handler(Duration::from_micros(micros)));
    if slept.is_none() && !exception::is_pending() {
        USLEEP.run_original(call, returned);
    }
}

unsafe extern "C" fn sleep(call: *mut ExecuteData, returned: *mut Zval) {
    let slept = may_be_in_handler(call, 1)
        .then(|| long(call, 0))
        .flatten()
        .and_then(|secs| sleep_in_handler(Duration::from_secs(secs)));
    match slept {
        // The whole seconds that were left, as after a signal.
        // SAFETY: the engine's place for the answer.
        Some(slept) => unsafe { (*returned).set_long(zend_long::try_from(slept.left.as_secs()).unwrap_or_default()) },
        None if exception::is_pending() => {}
        None => SLEEP.run_original(call, returned),
    }
}

unsafe extern "C" fn time_nanosleep(call: *mut ExecuteData, returned: *mut Zval) {
    let duration = || {
        let (secs, nanos) = (long(call, 0)?, long(call, 1)?);
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(secs, nanos))
    };
    let slept = may_be_in_handler(call, 2).then(duration).flatten().and_then(sleep_in_handler);
    match slept {
        None if exception::is_pending() => {}
        None => NANOSLEEP.run_original(call, returned),
        // SAFETY: the engine's place for the answer.
        Some(Slept { left }) if left.is_zero() => unsafe { (*returned).set_bool(true) },
        Some(Slept { left }) => {
            let mut table = ZendHashTable::new();
            // Nothing refuses a number.
            let _ = table.insert("seconds", zend_long::try_from(left.as_secs()).unwrap_or_default());
            let _ = table.insert("nanoseconds", zend_long::from(left.subsec_nanos()));
            // SAFETY: as above.
            unsafe { (*returned).set_hashtable(table) };
        }
    }
}

unsafe extern "C" fn time_sleep_until(call: *mut ExecuteData, returned: *mut Zval) {
    let duration = || {
        let time = Duration::try_from_secs_f64(double(call, 0)?).ok()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        // PHP warns about a time that has passed.
        time.checked_sub(now)
    };
    let slept = may_be_in_handler(call, 1).then(duration).flatten().and_then(sleep_in_handler);
    match slept {
        None if exception::is_pending() => {}
        None => SLEEP_UNTIL.run_original(call, returned),
        // SAFETY: the engine's place for the answer.
        Some(Slept { left }) => unsafe { (*returned).set_bool(left.is_zero()) },
    }
}

/// An argument as PHP converts it for a parameter of type int; none if the original function must report what is wrong.
fn long(call: *mut ExecuteData, index: u32) -> Option<u64> {
    let argument = argument(call, index)?;
    let value = match argument.long() {
        Some(value) => value,
        None => {
            let mut value = 0;
            // SAFETY: a live value, which is not changed, and a place for the answer.
            let converted =
                unsafe { zend_parse_arg_long_slow(ptr::from_ref(argument).cast_mut(), &raw mut value, index + 1) };
            if !converted {
                return None;
            }
            value
        }
    };
    u64::try_from(value).ok()
}

fn double(call: *mut ExecuteData, index: u32) -> Option<f64> {
    let argument = argument(call, index)?;
    argument.double().or_else(|| {
        let mut value = 0.0;
        // SAFETY: a live value, which is not changed, and a place for the answer.
        let converted =
            unsafe { zend_parse_arg_double_slow(ptr::from_ref(argument).cast_mut(), &raw mut value, index + 1) };
        converted.then_some(value)
    })
}

/// An argument other than null, which PHP warns about.
fn argument<'a>(call: *mut ExecuteData, index: u32) -> Option<&'a Zval> {
    // SAFETY: the running call, whose arguments live until it returns.
    let call = unsafe { &*call };
    zend::argument(call, index).filter(|argument| !argument.is_null())
}

unsafe extern "C" {
    fn zend_parse_arg_long_slow(argument: *mut Zval, value: *mut zend_long, number: u32) -> bool;
    fn zend_parse_arg_double_slow(argument: *mut Zval, value: *mut f64, number: u32) -> bool;
}
