//! The class `FASTAPI\WebSocket\AccessToken`: signed tokens that say who a client is and what it may read. The server
//! library makes them, by the same rules by which it takes them.

use std::time::{Duration, SystemTime};

use ext_php_rs::args::Arg;
use ext_php_rs::boxed::ZBox;
use ext_php_rs::builders::{ClassBuilder, FunctionBuilder};
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::flags::{ClassFlags, DataType, MethodFlags};
use ext_php_rs::php_class;
use ext_php_rs::types::{ZendStr, Zval};
use ext_php_rs::zend::ExecuteData;
use server::token::{
    self, MAX_ALLOWED, MAX_INFO_BYTES, MAX_TOKEN_CHANNELS, MAX_USER_BYTES, MIN_SECRET_BYTES, NewToken, NewTokenError,
    Secret, TokenError,
};

use crate::arguments::{self, Origin, Text, Thrown};
use crate::channel_names::quoted;
use crate::declaring;
use crate::exception::{self, guard};
use crate::json::{self, Refusal};
use crate::zend;

const SECRET: Origin = Origin::Argument(1);
const USER: Origin = Origin::Argument(2);
const CHANNELS: Origin = Origin::Argument(3);
const ALLOW: Origin = Origin::Argument(4);
const TTL: Origin = Origin::Argument(5);
const INFO: Origin = Origin::Argument(6);

const DEFAULT_TTL: i64 = 3600;

/// `FASTAPI\WebSocket\AccessToken`. It has no objects.
#[php_class]
#[php(name = "FASTAPI\\WebSocket\\AccessToken")]
pub struct AccessToken;

/// Registers the class.
pub(crate) fn register() -> Result<(), ext_php_rs::error::Error> {
    let list = |name: &str| Arg::new(name, DataType::Array).default("[]");
    ClassBuilder::new(AccessToken::CLASS_NAME)
        .flags(ClassFlags::Final)
        .method(FunctionBuilder::new("__construct", construct), MethodFlags::Private)
        .method(
            FunctionBuilder::new("create", create)
                .arg(Arg::new("secret", DataType::String))
                .not_required()
                .arg(Arg::new("user", DataType::String).allow_null().default("null"))
                .arg(list("channels"))
                .arg(list("allow"))
                .arg(Arg::new("ttl", DataType::Long).default(DEFAULT_TTL.to_string()))
                .arg(list("info"))
                .returns(DataType::String, false, false),
            MethodFlags::Public | MethodFlags::Static,
        )
        .registration(|class, parameters| {
            declaring::mark_sensitive(class, "create", 0);
            AccessToken::get_metadata().set_ce(class);
            AccessToken::get_metadata().set_arg_info(parameters);
        })
        .register()
}

/// `__construct()`, private: there are no objects.
extern "C" fn construct(_call: &mut ExecuteData, _returned: &mut Zval) {}

/// `create(...)`: the token as text.
extern "C" fn create(call: &mut ExecuteData, returned: &mut Zval) {
    if arguments::check_count(call, 1, 6).is_err() {
        return;
    }
    guard(|| {
        if let Ok(token) = make(call) {
            returned.set_zend_string(ZendStr::new(token, false));
        }
    });
}

fn make(call: &ExecuteData) -> Result<String, Thrown> {
    let null = Zval::null();
    // Code of PHP runs in these, and a fatal error in it jumps over this frame. Until they are done, only memory that
    // PHP frees by itself may be held.
    let secret = arguments::text(zend::argument(call, 0).unwrap_or(&null), SECRET)?;
    let user = arguments::optional_text(zend::argument(call, 1), USER)?;
    let ttl = arguments::int(zend::argument(call, 4), TTL, DEFAULT_TTL)?;
    let info = read_info(zend::argument(call, 5))?;

    // The secret itself is in no message.
    if secret.as_bytes().len() < MIN_SECRET_BYTES {
        return Err(SECRET.throw_value_error(&format!(
            "must have at least {MIN_SECRET_BYTES} bytes, {} given: make one with `openssl rand -hex 32`",
            secret.as_bytes().len()
        )));
    }
    let user = user.as_ref().map(read_user).transpose()?;
    let ttl = match u64::try_from(ttl) {
        Ok(ttl) if ttl >= 1 => Duration::from_secs(ttl),
        _ => return Err(TTL.throw_value_error(&format!("must be at least 1 (seconds), {ttl} given"))),
    };
    let new = NewToken {
        user,
        channels: read_list(zend::argument(call, 2), CHANNELS)?,
        allow: read_list(zend::argument(call, 3), ALLOW)?,
        ttl,
        info: info.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()),
        ..NewToken::default()
    };
    token::create(&Secret::new(secret.as_bytes()), &new, SystemTime::now()).map_err(|error| refuse(&error))
}

/// Throws what is wrong, for the argument that it is about.
fn refuse(error: &NewTokenError) -> Thrown {
    match error {
        NewTokenError::Channel(name) => CHANNELS.throw_value_error(&format!(
            "must be names of channels that clients may have, {} given: {}",
            quoted(name.as_bytes()),
            queue::InvalidChannel
        )),
        NewTokenError::Pattern(text) => ALLOW.throw_value_error(&format!(
            "must be names of channels, beginnings of names with a * at the end, or \"everybody\", {} given",
            quoted(text.as_bytes())
        )),
        NewTokenError::Ttl => TTL.throw_value_error("must be 1 second to 10 years"),
        NewTokenError::Refused(TokenError::Claim("sub")) => {
            USER.throw_value_error(&format!("must have 1 to {MAX_USER_BYTES} bytes"))
        }
        NewTokenError::Refused(TokenError::Claim("channels")) => {
            CHANNELS.throw_value_error(&format!("must have at most {MAX_TOKEN_CHANNELS} names"))
        }
        NewTokenError::Refused(TokenError::Claim("allow")) => {
            ALLOW.throw_value_error(&format!("must have at most {MAX_ALLOWED} names and patterns"))
        }
        NewTokenError::Refused(TokenError::Claim("info")) => {
            INFO.throw_value_error(&format!("must have at most {MAX_INFO_BYTES} bytes as JSON"))
        }
        // No text of the library has anything of the secret.
        error => {
            exception::throw_value_error(&format!("FASTAPI\\WebSocket\\AccessToken::create(): {error}"));
            Thrown
        }
    }
}

fn read_user(user: &Text) -> Result<String, Thrown> {
    match str::from_utf8(user.as_bytes()) {
        Ok("") => Err(USER.throw_value_error("must not be empty: null is for a token without a user")),
        Ok(user) => Ok(user.to_owned()),
        Err(_) => Err(USER.throw_value_error(&format!("must be valid UTF-8, {} given", quoted(user.as_bytes())))),
    }
}

/// A list of texts. Keys do not count.
fn read_list(value: Option<&Zval>, origin: Origin) -> Result<Vec<String>, Thrown> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Some(array) = value.array() else { return Err(origin.throw_type_error("array", value)) };
    let mut texts = Vec::with_capacity(array.len());
    for element in array.values() {
        let element = element.dereference();
        let Some(text) = element.zend_str() else {
            let got = zend::type_name(element);
            return Err(origin.throw_value_error(&format!("must be a list of strings, {got} given in it")));
        };
        // What is not UTF-8 is not a valid name in this form either.
        texts.push(String::from_utf8_lossy(text.as_bytes()).into_owned());
    }
    Ok(texts)
}

/// The claim `info` as JSON. None if it is empty.
fn read_info(value: Option<&Zval>) -> Result<Option<ZBox<ZendStr>>, Thrown> {
    let Some(value) = value else { return Ok(None) };
    let Some(array) = value.array() else { return Err(INFO.throw_type_error("array", value)) };
    if array.is_empty() {
        return Ok(None);
    }
    match json::encode("", value, json::DEFAULT_DEPTH) {
        Ok(text) if text.as_bytes().starts_with(b"{") => Ok(Some(text)),
        Ok(_) => Err(INFO.throw_value_error("must have names as keys, a list given")),
        Err(Refusal::Thrown) => Err(Thrown),
        Err(Refusal::Reason(reason)) => Err(INFO.throw_value_error(reason.trim_start())),
    }
}
