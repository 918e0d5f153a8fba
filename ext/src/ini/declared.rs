//! Settings of `start()` that the server library declares: named as the keys of the broadcaster, with their bounds and
//! defaults. A wrong value of php.ini is kept as wrong, and `start()` refuses it: the default may let in more clients
//! than was meant.
//!
//! Secrets are no values of these settings: `ini_get()`, `ini_get_all()` and `phpinfo()` would show them.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int, c_void};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ext_php_rs::error::php_error;
use ext_php_rs::ffi::{zend_ini_entry, zend_string};
use ext_php_rs::flags::{ErrorType, IniEntryPermission};
use ext_php_rs::zend::IniEntryDef;
use server::config::{ConfigError, Form, Setting, Settings, Value, all_settings};
use server::origin::Rule;
use server::token::{Pattern, Secret};

use super::{FAILURE, SUCCESS, parse_size, parse_switch};
use crate::globals::GLOBALS;
use crate::zend;

/// When PHP sets a value: from php.ini, or for a script. Of Zend/zend_ini.h.
const STAGE_STARTUP: c_int = 1 << 0;
const STAGE_RUNTIME: c_int = 1 << 4;
const STAGE_HTACCESS: c_int = 1 << 5;

/// The keys, each with the default that `start()` has of its own.
const KEYS: [(&str, Option<&str>); 11] = [
    // As the pure-PHP server: pages of any origin.
    ("allowed_origins", Some("*")),
    ("anonymous", None),
    ("max_channels", None),
    ("max_channels_per_client", None),
    ("max_subscriptions", None),
    ("public_channels", None),
    ("token_audience", None),
    ("token_issuer", None),
    ("token_public_key_file", None),
    ("token_secret", None),
    ("token_secret_file", None),
];

/// Whether php.ini has a secret, which was refused.
static HAS_SECRET: AtomicBool = AtomicBool::new(false);

/// What was given, with the secrets of the environment.
///
/// # Errors
/// What is wrong with a value of php.ini, or a file that the script may not read.
pub(crate) fn given_for_start() -> Result<Settings, String> {
    if HAS_SECRET.load(Ordering::Relaxed) {
        return Err(secret_problem());
    }
    let mut settings = GLOBALS.get().start_settings.borrow().given()?;
    check_open_basedir("token_secret_file", settings.token_secret_file.iter().flatten())?;
    check_open_basedir("token_public_key_file", settings.token_public_key_file.iter().flatten())?;
    settings.token_secret = std::env::var_os(secret_variable()).and_then(|text| Secret::all_of(text.as_bytes()));
    Ok(settings)
}

/// The error as users of these settings understand it: it names a key and how the broadcaster is given it.
pub(crate) fn explain(error: &ConfigError) -> String {
    let key = error.key();
    let declared = KEYS.iter().find(|(declared, _)| *declared == key).and_then(|(key, _)| declaration(key));
    match declared.map(|setting| setting.form) {
        None => error.to_string(),
        Some(Form::Secrets) => format!("{error} (it is in the variable {})", secret_variable()),
        Some(Form::Origins | Form::Patterns | Form::Files) => {
            format!("{error} (in PHP: {}, with commas between several)", name(key))
        }
        Some(_) => format!("{error} (in PHP: {})", name(key)),
    }
}

/// The settings as PHP is told them.
pub(super) fn entries() -> impl Iterator<Item = IniEntryDef> {
    KEYS.iter().enumerate().filter_map(entry)
}

fn entry((index, (key, own_default)): (usize, &(&'static str, Option<&'static str>))) -> Option<IniEntryDef> {
    let setting = declaration(key)?;
    let default = own_default.map_or_else(|| default_text(setting), str::to_owned);
    let (name, default) = (CString::new(name(key)).ok()?, CString::new(default).ok()?);
    let mut entry = IniEntryDef::end();
    entry.name_length = u16::try_from(name.count_bytes()).ok()?;
    entry.value_length = u32::try_from(default.count_bytes()).ok()?;
    // They are never freed, as the table.
    entry.name = name.into_raw();
    entry.value = default.into_raw();
    entry.modifiable = u8::try_from(IniEntryPermission::All.bits()).ok()?;
    entry.on_modify = Some(change);
    entry.mh_arg1 = std::ptr::without_provenance_mut(index);
    Some(entry)
}

fn declaration(key: &str) -> Option<&'static Setting> {
    all_settings().find(|setting| setting.key == key)
}

/// The default as it is written in php.ini.
fn default_text(setting: &Setting) -> String {
    match setting.default() {
        Some(Value::Switch(is_on)) => u8::from(is_on).to_string(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn name(key: &str) -> String {
    format!("fastapi_websocket.{key}")
}

/// PHP calls this with a new value.
unsafe extern "C" fn change(
    _entry: *mut zend_ini_entry,
    value: *mut zend_string,
    index: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    stage: c_int,
) -> c_int {
    // SAFETY: PHP hands over null or a string that lives during the call.
    let value = unsafe { value.as_ref() }.map_or(&b""[..], |value| value.as_bytes());
    let index = index.addr();
    catch_unwind(|| {
        let setting = KEYS.get(index).and_then(|(key, _)| declaration(key));
        setting.map_or(FAILURE, |setting| take(setting, value.trim_ascii(), stage))
    })
    .unwrap_or(FAILURE)
}

fn take(setting: &'static Setting, value: &[u8], stage: c_int) -> c_int {
    if setting.is_secret() {
        return refuse_secret(value, stage);
    }
    match parse(setting, value) {
        Ok(value) => GLOBALS.get().start_settings.borrow_mut().set(setting, value),
        Err(problem) => {
            let problem = queue::printable(&format!("{}{problem}", name(setting.key))).into_owned();
            let is_of_script = stage & (STAGE_RUNTIME | STAGE_HTACCESS) != 0;
            if is_of_script || stage & STAGE_STARTUP != 0 {
                php_error(&ErrorType::Warning, &problem);
            }
            if is_of_script {
                return FAILURE;
            }
            GLOBALS.get().start_settings.borrow_mut().set_wrong(setting, problem);
        }
    }
    SUCCESS
}

/// Nobody can be shown what is not kept.
fn refuse_secret(value: &[u8], stage: c_int) -> c_int {
    if value.is_empty() {
        return SUCCESS;
    }
    if stage & STAGE_STARTUP != 0 {
        HAS_SECRET.store(true, Ordering::Relaxed);
    }
    php_error(&ErrorType::Warning, &secret_problem());
    FAILURE
}

fn secret_problem() -> String {
    format!(
        "{} is refused, because scripts and phpinfo() could show it: name a file with the secret in {}, or set the \
         variable {}",
        name("token_secret"),
        name("token_secret_file"),
        secret_variable()
    )
}

fn secret_variable() -> String {
    declaration("token_secret").map(|setting| setting.variable().into_owned()).unwrap_or_default()
}

/// The value that a text stands for; none if nothing was given. The error goes behind the name.
fn parse(setting: &Setting, text: &[u8]) -> Result<Option<Value>, String> {
    let wrong = |text: &str, problem: &dyn Display| format!(" = {text}: {problem}");
    let text = str::from_utf8(text).map_err(|_| " must be valid UTF-8".to_owned())?;
    let value = match setting.form {
        // PHP's ini language turns an unquoted `off` into the empty string.
        Form::Switch => parse_switch(text).map(Value::Switch).ok_or_else(|| wrong(text, &"must be on or off"))?,
        Form::Origins => Value::Origins(list(text, str::parse::<Rule>)?),
        _ if text.is_empty() => return Ok(None),
        Form::Patterns => Value::Patterns(list(text, str::parse::<Pattern>)?),
        Form::Files => Value::Files(list(text, absolute_path)?),
        Form::Whole(_) => {
            let number = parse_size(text).ok_or_else(|| wrong(text, &"must be a whole number of at least 1"))?;
            Value::Whole(number as u64)
        }
        _ => Value::Text(text.to_owned()),
    };
    setting.problem(&value).map_or(Ok(Some(value)), |problem| Err(wrong(text, &problem)))
}

/// The items of a list with commas between.
fn list<T, E: Display>(text: &str, parse: fn(&str) -> Result<T, E>) -> Result<Vec<T>, String> {
    let item = |item: &str| match item {
        "" if !text.is_empty() => Err(format!(" = {text}: an item is empty")),
        item => parse(item).map_err(|error| format!(" = {item}: {error}")),
    };
    text.split(',').map(str::trim).map(item).collect()
}

/// A relative path would name another file in each script.
fn absolute_path(text: &str) -> Result<PathBuf, &'static str> {
    let path = Path::new(text);
    if path.is_absolute() && !text.contains('\0') { Ok(path.to_owned()) } else { Err("must be an absolute path") }
}

fn check_open_basedir<'a>(key: &str, mut files: impl Iterator<Item = &'a PathBuf>) -> Result<(), String> {
    let is_allowed = |path: &PathBuf| {
        CString::new(path.as_os_str().as_bytes()).is_ok_and(|path| zend::is_allowed_by_open_basedir(&path))
    };
    match files.find(|path| !is_allowed(path)) {
        Some(path) => Err(format!("{} = {}: is outside of open_basedir", name(key), path.display())),
        None => Ok(()),
    }
}
