//! Settings of `start()` that the server library declares: named as the keys of the broadcaster, with their bounds and
//! defaults. A wrong value of php.ini is kept as wrong, and `start()` refuses it: the default may let in more clients
//! than was meant.
//!
//! Secrets are no values of these settings: `ini_get()`, `ini_get_all()` and `phpinfo()` would show them.
#![allow(unsafe_code)]

use std::borrow::Cow;
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
use queue::url_without_secrets;
use server::ChannelRule;
use server::config::{ConfigError, Form, HISTORY, Naming, RIGHTS, Setting, Settings, Value, all_settings};
use server::origin::Rule;
use server::token::{Pattern, Secret};

use super::{FAILURE, SUCCESS, parse_size, parse_switch};
use crate::globals::GLOBALS;
use crate::zend;

/// When PHP sets a value: from php.ini, or for a script. Of Zend/zend_ini.h.
const STAGE_STARTUP: c_int = 1 << 0;
const STAGE_RUNTIME: c_int = 1 << 4;
const STAGE_HTACCESS: c_int = 1 << 5;

/// The one setting that is none of channels, tokens and history. `start()` has a default of its own for it, that of the pure-PHP
/// server: pages of any origin.
const ALLOWED_ORIGINS: &str = "allowed_origins";
const DEFAULT_ORIGINS: &str = "*";

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
    let mut given = GLOBALS.get().start_settings.borrow().given()?;
    for setting in settings() {
        match setting.value(&given) {
            Some(Value::Files(files)) => check_open_basedir(setting, &files)?,
            Some(Value::Path(path)) => check_open_basedir(setting, &[path])?,
            _ => {}
        }
        if setting.is_secret()
            && let Some(text) = std::env::var_os(&*setting.variable())
            && let Some(secrets) = Secret::all_of(text.as_bytes())
        {
            setting.set(&mut given, Value::Secrets(secrets));
        }
    }
    Ok(given)
}

/// The error for those who write php.ini.
pub(crate) fn explain(error: &ConfigError) -> String {
    error.told(&IniNames)
}

/// The names of settings as PHP knows them. A secret is given by its variable. What is no ini setting keeps its name.
struct IniNames;

impl Naming for IniNames {
    fn key(&self, key: &'static str) -> Cow<'static, str> {
        match settings().find(|setting| setting.key == key) {
            Some(setting) if setting.is_secret() => setting.variable(),
            Some(_) => name(key).into(),
            None if super::is_own_entry(&name(key)) => name(key).into(),
            None => key.into(),
        }
    }

    fn line(&self, key: &'static str, item: &'static str) -> String {
        format!("{} = \"{item}\"", self.key(key))
    }

    fn shows(&self, _: &Value) -> bool {
        true
    }
}

/// The settings that are declared here.
fn settings() -> impl Iterator<Item = &'static Setting> {
    all_settings().filter(|setting| setting.key == ALLOWED_ORIGINS).chain(RIGHTS.settings).chain(HISTORY.settings)
}

/// The settings as PHP is told them.
pub(super) fn entries() -> impl Iterator<Item = IniEntryDef> {
    settings().enumerate().filter_map(entry)
}

fn entry((index, setting): (usize, &'static Setting)) -> Option<IniEntryDef> {
    let (name, default) = (CString::new(name(setting.key)).ok()?, CString::new(default_text(setting)).ok()?);
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

/// The default as it is written in php.ini.
fn default_text(setting: &Setting) -> String {
    match setting.default() {
        _ if setting.key == ALLOWED_ORIGINS => DEFAULT_ORIGINS.to_owned(),
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
    catch_unwind(|| settings().nth(index).map_or(FAILURE, |setting| take(setting, value.trim_ascii(), stage)))
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
    let secret = settings().find(|setting| setting.is_secret());
    let (key, variable) = secret.map_or(("", "".into()), |setting| (setting.key, setting.variable()));
    let name = name(key);
    format!(
        "{name} is refused, because scripts and phpinfo() could show it: name a file with the secret in {name}_file, or \
         set the variable {variable}"
    )
}

/// The value that a text stands for; none if nothing was given. The error goes after the name.
fn parse(setting: &Setting, text: &[u8]) -> Result<Option<Value>, String> {
    let wrong = |text: &str, problem: &dyn Display| format!(" = {}: {problem}", url_without_secrets(text));
    let text = str::from_utf8(text).map_err(|_| " must be valid UTF-8".to_owned())?;
    let value = match setting.form {
        // PHP's ini language turns an unquoted `off` into the empty string.
        Form::Switch => parse_switch(text).map(Value::Switch).ok_or_else(|| wrong(text, &"must be on or off"))?,
        Form::Origins => Value::Origins(list(text, str::parse::<Rule>)?),
        _ if text.is_empty() => return Ok(None),
        Form::Patterns => Value::Patterns(list(text, str::parse::<Pattern>)?),
        Form::Files => Value::Files(files(text)?),
        Form::Path => Value::Path(path(text).ok_or_else(|| wrong(text, &"must be an absolute path"))?),
        Form::ChannelRules => {
            Value::ChannelRules(ChannelRule::parse_all(text).map_err(|problem| wrong(text, &problem))?)
        }
        Form::Whole(whole) if whole.least == 0 && text == "0" => Value::Whole(0),
        Form::Whole(whole) => {
            let number = parse_size(text)
                .ok_or_else(|| wrong(text, &format_args!("must be a whole number of at least {}", whole.least)))?;
            Value::Whole(number as u64)
        }
        _ => Value::Text(text.to_owned()),
    };
    setting.problem(&value).map_or(Ok(Some(value)), |problem| Err(wrong(text, &problem)))
}

/// The items of a list with commas between.
fn list<T, E: Display>(text: &str, parse: fn(&str) -> Result<T, E>) -> Result<Vec<T>, String> {
    let item = |item: &str| match item {
        "" if !text.is_empty() => Err(format!(" = {}: an item is empty", url_without_secrets(text))),
        item => parse(item).map_err(|error| format!(" = {}: {error}", url_without_secrets(item))),
    };
    text.split(',').map(str::trim).map(item).collect()
}

/// Paths with commas between. A relative path would name another file in each script. It is not shown: it may be the
/// secret itself.
fn files(text: &str) -> Result<Vec<PathBuf>, &'static str> {
    let wrong = " must be an absolute path, or several with commas between";
    text.split(',').map(str::trim).map(|text| path(text).ok_or(wrong)).collect()
}

fn path(text: &str) -> Option<PathBuf> {
    (Path::new(text).is_absolute() && !text.contains('\0')).then(|| text.into())
}

fn check_open_basedir(setting: &Setting, files: &[PathBuf]) -> Result<(), String> {
    let is_allowed = |path: &&PathBuf| {
        CString::new(path.as_os_str().as_bytes()).is_ok_and(|path| zend::is_allowed_by_open_basedir(&path))
    };
    match files.iter().find(|path| !is_allowed(path)) {
        Some(path) => Err(format!("{} = {}: is outside of open_basedir", name(setting.key), path.display())),
        None => Ok(()),
    }
}
