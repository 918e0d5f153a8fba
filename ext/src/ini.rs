//! The ini settings: declared, parsed when they change, shown by `phpinfo()`. Reading one needs no parsing.
//!
//! A value that is not understood is refused, with a warning that says which values are. A wrong value in php.ini
//! leaves the default in force, and `ini_set()` returns false.
//! [`declared`] has those that the server library declares.
#![allow(unsafe_code)]

mod declared;

use std::ffi::{CStr, c_int, c_void};
use std::panic::catch_unwind;
use std::sync::OnceLock;

use ext_php_rs::error::php_error;
use ext_php_rs::ffi::{zend_ini_entry, zend_string};
use ext_php_rs::flags::{ErrorType, IniEntryPermission};
use ext_php_rs::zend::{IniEntryDef, ModuleEntry};
use ext_php_rs::{info_table_end, info_table_row, info_table_start};
use queue::{Durability, url_without_secrets};

pub(crate) use declared::{explain, given_for_start};

use crate::globals::GLOBALS;
use crate::producer::Form;

/// Name of the limit, for messages.
pub(crate) const MAX_EVENT_BYTES: &str = "fastapi_websocket.max_event_bytes";
const FSYNC: &str = "fastapi_websocket.fsync";
/// Name of the form of the queue, for messages.
pub(crate) const QUEUE: &str = "fastapi_websocket.queue";

const PATH: &str = "fastapi_websocket.path";

const CLIENT_RELAY: &str = "fastapi_websocket.client_relay";
const SLEEP_HOOK: &str = "fastapi_websocket.sleep_hook";
const MAX_MESSAGE_BYTES: &str = "fastapi_websocket.max_message_bytes";
const MAX_BYTES_PER_SEC: &str = "fastapi_websocket.max_bytes_per_sec";
const MAX_MEMORY: &str = "fastapi_websocket.max_memory";
const MAX_MESSAGES_PER_SEC: &str = "fastapi_websocket.max_messages_per_sec";
const MAX_OUTBOX_BYTES: &str = "fastapi_websocket.max_outbox_bytes";
const MAX_CONNECTIONS: &str = "fastapi_websocket.max_connections";

const SUCCESS: c_int = 0;
const FAILURE: c_int = -1;

/// Those that only the extension has, or that are parsed for each event.
const ENTRIES: [IniEntryDef; 12] = [
    entry(c"fastapi_websocket.client_relay", c"1", change_client_relay),
    entry(c"fastapi_websocket.fsync", c"none", change_fsync),
    entry(c"fastapi_websocket.max_bytes_per_sec", c"0", change_max_bytes_per_sec),
    entry(c"fastapi_websocket.max_connections", c"65536", change_max_connections),
    entry(c"fastapi_websocket.max_event_bytes", c"1048576", change_max_event_bytes),
    entry(c"fastapi_websocket.max_memory", c"268435456", change_max_memory),
    entry(c"fastapi_websocket.max_message_bytes", c"1048576", change_max_message_bytes),
    entry(c"fastapi_websocket.max_messages_per_sec", c"0", change_max_messages_per_sec),
    entry(c"fastapi_websocket.max_outbox_bytes", c"16777216", change_max_outbox_bytes),
    entry(c"fastapi_websocket.path", c"", change_path),
    entry(c"fastapi_websocket.queue", c"directory", change_form),
    entry(c"fastapi_websocket.sleep_hook", c"1", change_sleep_hook),
];

/// All settings by name, as PHP is told them: it keeps the table.
struct Table(Vec<IniEntryDef>);

static TABLE: OnceLock<Table> = OnceLock::new();

// SAFETY: its pointers are those of texts that are never changed nor freed, and of functions. PHP only reads it.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Send for Table {}

impl Table {
    fn new() -> Table {
        let mut entries: Vec<IniEntryDef> = ENTRIES.into_iter().chain(declared::entries()).collect();
        // SAFETY: each has a name.
        entries.sort_by_key(|entry| unsafe { CStr::from_ptr(entry.name) });
        entries.push(IniEntryDef::end());
        Table(entries)
    }
}

/// Whether [`ENTRIES`] has a setting of this name.
fn is_own_entry(name: &str) -> bool {
    // SAFETY: each has a name.
    ENTRIES.iter().any(|entry| unsafe { CStr::from_ptr(entry.name) }.to_bytes() == name.as_bytes())
}

type OnModify =
    unsafe extern "C" fn(*mut zend_ini_entry, *mut zend_string, *mut c_void, *mut c_void, *mut c_void, c_int) -> c_int;

const fn entry(name: &'static CStr, default: &'static CStr, on_modify: OnModify) -> IniEntryDef {
    let mut entry = IniEntryDef::new(name, default, IniEntryPermission::All);
    entry.on_modify = Some(on_modify);
    entry
}

unsafe extern "C" {
    fn zend_unregister_ini_entries(module_number: c_int);
    fn display_ini_entries(module: *mut ModuleEntry);
}

/// Declares the settings; PHP hands over the values of php.ini at once.
pub(crate) fn register(module_number: i32) {
    IniEntryDef::register(&TABLE.get_or_init(Table::new).0, module_number);
}

/// Removes the settings before the library is unloaded: they point at handlers in it.
pub(crate) fn unregister(module_number: i32) {
    // SAFETY: called at module shutdown, with the number under which `register` declared the settings.
    unsafe { zend_unregister_ini_entries(module_number) };
}

/// Prints the section of `phpinfo()`.
pub(crate) extern "C" fn print_info(module: *mut ModuleEntry) {
    info_table_start!();
    info_table_row!("fastapi_websocket", "enabled");
    info_table_row!("Version", env!("CARGO_PKG_VERSION"));
    info_table_end!();
    // SAFETY: `module` is this extension's entry, handed over by PHP for the time of the call.
    unsafe { display_ini_entries(module) };
}

/// Defines the function that PHP calls with a new value.
macro_rules! on_change {
    ($function:ident, $name:expr, $expected:expr, $parse:expr, $setting:ident) => {
        unsafe extern "C" fn $function(
            _entry: *mut zend_ini_entry,
            value: *mut zend_string,
            _: *mut c_void,
            _: *mut c_void,
            _: *mut c_void,
            _stage: c_int,
        ) -> c_int {
            // SAFETY: PHP hands over null or a string that lives during the call.
            let value = unsafe { value.as_ref() }.map_or(&b""[..], |value| value.as_bytes());
            change($name, value, $expected, $parse, |parsed| {
                GLOBALS.get().$setting.replace(parsed);
            })
        }
    };
}

const A_SIZE: &str = "a size above 0 such as 65536, 512K or 2M";
const A_RATE: &str = "a number such as 100, 512K or 2M, or 0 for no limit";

on_change!(change_path, PATH, "an absolute path", parse_path, path);
on_change!(change_fsync, FSYNC, "none, data or full", parse_durability, durability);
on_change!(change_form, QUEUE, "directory or journal", parse_form, form);
on_change!(change_max_event_bytes, MAX_EVENT_BYTES, A_SIZE, parse_size, max_event_bytes);
on_change!(change_max_message_bytes, MAX_MESSAGE_BYTES, A_SIZE, parse_size, max_message_bytes);
on_change!(change_max_outbox_bytes, MAX_OUTBOX_BYTES, A_SIZE, parse_size, max_outbox_bytes);
on_change!(change_max_connections, MAX_CONNECTIONS, "a number above 0", parse_size, max_connections);
on_change!(change_max_memory, MAX_MEMORY, A_SIZE, parse_size, max_memory);
on_change!(change_max_bytes_per_sec, MAX_BYTES_PER_SEC, A_RATE, parse_rate, max_bytes_per_sec);
on_change!(change_max_messages_per_sec, MAX_MESSAGES_PER_SEC, A_RATE, parse_rate, max_messages_per_sec);
on_change!(change_client_relay, CLIENT_RELAY, "on or off", parse_switch, client_relay);
on_change!(change_sleep_hook, SLEEP_HOOK, "on or off", parse_switch, sleep_hook);

/// Stores what `parse` understands. Otherwise refuses, so that PHP keeps the value of before, and warns with what to
/// write.
fn change<T>(name: &str, value: &[u8], expected: &str, parse: fn(&str) -> Option<T>, store: fn(T)) -> c_int {
    catch_unwind(|| match str::from_utf8(value).ok().and_then(|value| parse(value.trim())) {
        Some(parsed) => {
            store(parsed);
            SUCCESS
        }
        None => {
            let value = String::from_utf8_lossy(value).replace('\0', "\\0");
            let value = url_without_secrets(&value);
            php_error(&ErrorType::Warning, &format!("{name} must be {expected}, \"{value}\" is ignored"));
            FAILURE
        }
    })
    .unwrap_or(FAILURE)
}

fn parse_durability(value: &str) -> Option<Durability> {
    match value.to_ascii_lowercase().as_str() {
        // An unquoted `none` in php.ini is a keyword of PHP's ini language and arrives as the empty string.
        "none" | "" => Some(Durability::None),
        "data" => Some(Durability::Data),
        "full" => Some(Durability::Full),
        _ => None,
    }
}

fn parse_form(value: &str) -> Option<Form> {
    match value.to_ascii_lowercase().as_str() {
        "directory" => Some(Form::Directory),
        "journal" => Some(Form::Journal),
        _ => None,
    }
}

/// A relative path would name another directory in each script.
fn parse_path(value: &str) -> Option<String> {
    let path = queue::local_path(value.as_bytes()).ok()?;
    (path.is_empty() || path.starts_with(b"/") && !path.contains(&0)).then(|| value.to_owned())
}

fn parse_switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        // PHP's ini language turns an unquoted `off` into the empty string.
        "" | "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// Parses a number per second in the same notation as a size; 0 is no limit.
fn parse_rate(value: &str) -> Option<u32> {
    if value == "0" { Some(0) } else { parse_size(value).and_then(|rate| u32::try_from(rate).ok()) }
}

/// Parses a size in PHP's notation: bytes in decimal, or with one of the suffixes K, M, G.
fn parse_size(value: &str) -> Option<usize> {
    let (digits, unit) = match value.bytes().last()? {
        b'k' | b'K' => (&value[..value.len() - 1], 1 << 10),
        b'm' | b'M' => (&value[..value.len() - 1], 1 << 20),
        b'g' | b'G' => (&value[..value.len() - 1], 1 << 30),
        _ => (value, 1),
    };
    let count: usize = digits.parse().ok()?;
    count.checked_mul(unit).filter(|size| *size > 0)
}
