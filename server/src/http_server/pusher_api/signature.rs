//! Whether a request is signed by the application's server. The signature is over the method, the path, and the query,
//! which holds the MD5 of the body: so it is known who asks before a byte of the body is read.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::refused::Refused;
use crate::rights::PusherApp;

/// How far the clock of the one who has signed may be from ours.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(600);
/// What a request is signed with.
const AUTH: [&str; 5] = ["auth_key", "auth_timestamp", "auth_version", "auth_signature", "body_md5"];

/// The parameters of a request: names in lower case, each once, in the order of their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

/// What is signed beside the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// From `/apps/` on, as it was sent.
    pub(super) path: &'a str,
    pub(super) has_body: bool,
}

impl Parameters {
    /// Those of a query. The values of an array (`name[]=` or `name[0]=`) are joined by commas.
    pub(super) fn parse(query: &str) -> Result<Parameters, Refused> {
        let mut given: Vec<(String, String, bool)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| {
                let name = name.to_lowercase();
                match array_name(&name) {
                    Some(array) => (array.to_owned(), value.into_owned(), true),
                    None => (name, value.into_owned(), false),
                }
            })
            .collect();
        // Values of an array stay in their order.
        given.sort_by(|a, b| a.0.cmp(&b.0));
        let mut parameters: Vec<(String, String)> = Vec::with_capacity(given.len());
        let mut is_array = false;
        for (name, value, is_item) in given {
            let is_auth = AUTH.contains(&name.as_str());
            match parameters.last_mut().filter(|(last, _)| *last == name) {
                Some((_, joined)) if is_array && is_item && !is_auth => {
                    joined.push(',');
                    joined.push_str(&value);
                    continue;
                }
                None if !(is_item && is_auth) => {}
                _ => return Err(Refused::bad(format!("the parameter {name:?} is in the URL twice: send it once"))),
            }
            is_array = is_item;
            parameters.push((name, value));
        }
        Ok(Parameters(parameters))
    }

    /// The value of a parameter, by its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(given, _)| given.as_str().cmp(name)).ok()?;
        Some(&self.0[found].1)
    }

    fn required(&self, name: &str) -> Result<&str, Refused> {
        let value = self.get(name);
        value.ok_or_else(|| Refused::unauthorized(format!("the parameter {name} is missing: sign the request")))
    }

    /// Refuses a request that the application's server has not signed a short time ago.
    pub(super) fn check(&self, app: &PusherApp, signed: Signed<'_>, now: SystemTime) -> Result<(), Refused> {
        if self.required("auth_key")? != &*app.key {
            return Err(Refused::unauthorized("auth_key is not the key of this application: compare it with `key`"));
        }
        if self.required("auth_version")? != "1.0" {
            return Err(Refused::unauthorized("auth_version must be 1.0"));
        }
        let timestamp = self.required("auth_timestamp")?;
        let is_number = (1..=18).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let (true, Ok(timestamp)) = (is_number, timestamp.parse()) else {
            return Err(Refused::unauthorized("auth_timestamp must be seconds since 1970"));
        };
        if signed.has_body {
            self.required("body_md5")?;
        }
        let signature = self.required("auth_signature")?;
        let text = self.text(signed.method, signed.path);
        // Some sign a path before its characters are encoded for the URL. One that looks encoded still may be another.
        let is_other = |path: &str| path != signed.path && !path.contains('%');
        let other = || percent_decode_str(signed.path).decode_utf8().ok().filter(|path| is_other(path));
        let is_signed = app.is_signature(signature, text.as_bytes())
            || other().is_some_and(|path| app.is_signature(signature, self.text(signed.method, &path).as_bytes()));
        if !is_signed {
            return Err(Refused::unauthorized(format!(
                "the signature is not valid: auth_signature must be the HMAC-SHA256 of {text:?} with the secret, in \
                 hexadecimal digits"
            )));
        }
        is_recent(timestamp, now)
    }

    /// Refuses a body that is not the one that was signed.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), Refused> {
        let is_signed = match self.get("body_md5") {
            Some(signed) => signed.eq_ignore_ascii_case(&HEXLOWER.encode(&Md5::digest(body))),
            None => body.is_empty(),
        };
        let sentence =
            "body_md5 is not the MD5 of the body: it was changed on its way, or signed before it was complete";
        is_signed.then_some(()).ok_or_else(|| Refused::unauthorized(sentence))
    }

    /// What is signed.
    fn text(&self, method: &str, path: &str) -> String {
        let mut text = format!("{method}\n{path}\n");
        let signed = self.0.iter().filter(|(name, _)| name != "auth_signature");
        for (index, (name, value)) in signed.enumerate() {
            if index > 0 {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// The name of an array, if a parameter is one of its values.
fn array_name(name: &str) -> Option<&str> {
    let (array, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    (!array.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())).then_some(array)
}

/// Refuses what was signed long ago, or is to be signed in a long time.
fn is_recent(timestamp: u64, now: SystemTime) -> Result<(), Refused> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let difference = now.abs_diff(timestamp);
    if difference <= MAX_CLOCK_DIFFERENCE.as_secs() {
        return Ok(());
    }
    let direction = match timestamp.cmp(&now) {
        Ordering::Less => "behind",
        _ => "ahead of",
    };
    Err(Refused::unauthorized(format!(
        "auth_timestamp is {difference} seconds {direction} the clock of this server, and may be {} away: sign each \
         request when it is sent, and set both clocks by NTP",
        MAX_CLOCK_DIFFERENCE.as_secs()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation of Pusher's HTTP API.
    const BODY: &str = r#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;
    const QUERY: &str = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&\
                         body_md5=ec365a775a4cd0599faeb73354201b6f&\
                         auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c";
    const TIME: u64 = 1_353_088_179;

    fn app() -> PusherApp {
        "id=3 key=278d425bdf160c739803 secret=7ad3773142a6692b25b8".parse().expect("an application")
    }

    fn check_at(query: &str, seconds: u64) -> Result<(), Refused> {
        let signed = Signed { method: "POST", path: "/apps/3/events", has_body: true };
        Parameters::parse(query)?.check(&app(), signed, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn refused(query: &str) -> String {
        check_at(query, TIME).expect_err(query).sentence
    }

    #[test]
    fn the_documented_example_is_signed() {
        assert_eq!(check_at(QUERY, TIME), Ok(()));
        let parameters = Parameters::parse(QUERY).expect("parameters");
        assert_eq!(parameters.check_body(BODY.as_bytes()), Ok(()));
        let changed = parameters.check_body(BODY.replace("foo", "fop").as_bytes()).expect_err("another body");
        assert_eq!(changed.status, 401);
    }

    #[test]
    fn nothing_of_it_can_be_changed() {
        for (from, to, told) in [
            ("278d", "278e", "auth_key is not the key"),
            ("1353088179", "1353088180", "signature is not valid"),
            ("ec36", "ec37", "signature is not valid"),
            ("da45", "da46", "signature is not valid"),
            ("da45", "DA45", "signature is not valid"),
            ("auth_version=1.0", "auth_version=1.1", "auth_version must be 1.0"),
            ("auth_version=1.0&", "", "auth_version is missing"),
            ("auth_key=278d425bdf160c739803&", "", "auth_key is missing"),
            ("&auth_signature=", "&signature=", "auth_signature is missing"),
            ("body_md5=ec365a775a4cd0599faeb73354201b6f&", "", "body_md5 is missing"),
            ("auth_timestamp=1353088179", "auth_timestamp=-1", "auth_timestamp must be"),
            ("auth_timestamp=1353088179", "auth_timestamp=", "auth_timestamp must be"),
            ("auth_version=1.0", "auth_version=1.0&x=y", "signature is not valid"),
            ("auth_key=", "auth_key=a&auth_key=", "twice"),
            ("auth_key=", "Auth_Key=a&auth_key=", "twice"),
            ("auth_key=", "auth_key[]=", "twice"),
            ("auth_version=1.0", "auth_version[]=1.0&auth_version[]=1.0", "twice"),
        ] {
            let query = QUERY.replace(from, to);
            let sentence = refused(&query);
            assert!(sentence.contains(told), "{query}: {sentence}");
            assert!(!sentence.contains("7ad3773142a6692b25b8"), "a secret: {sentence}");
        }
        let other = Signed { method: "GET", path: "/apps/3/events", has_body: true };
        let parameters = Parameters::parse(QUERY).expect("parameters");
        assert!(parameters.check(&app(), other, SystemTime::UNIX_EPOCH + Duration::from_secs(TIME)).is_err());
    }

    #[test]
    fn how_it_is_written_in_the_url_does_not_matter() {
        let query = QUERY.replace("auth_version=1.0", "AUTH_version=1%2E0");
        assert_eq!(check_at(&query, TIME), Ok(()));
    }

    #[test]
    fn it_is_valid_for_ten_minutes_and_says_how_far_the_clocks_are_apart() {
        for seconds in [TIME - 600, TIME, TIME + 600] {
            assert_eq!(check_at(QUERY, seconds), Ok(()), "{seconds}");
        }
        let late = check_at(QUERY, TIME + 601).expect_err("too late");
        assert!(late.status == 401 && late.sentence.contains("601 seconds behind the clock"), "{late:?}");
        let early = check_at(QUERY, TIME - 601).expect_err("too early");
        assert!(early.sentence.contains("601 seconds ahead of the clock"), "{early:?}");
    }

    #[test]
    fn arrays_are_joined_and_names_are_sorted_in_lower_case() {
        let parameters = Parameters::parse("z=1&Info%5B%5D=b&info[7]=a&B=x%20y+z&a=%26").expect("parameters");
        assert_eq!(parameters.text("GET", "/apps/3/channels"), "GET\n/apps/3/channels\na=&&b=x y z&info=b,a&z=1");
        assert_eq!((parameters.get("info"), parameters.get("x")), (Some("b,a"), None));
        for twice in ["a=1&a=1", "a[]=1&a=1", "a=1&A=2", "a&a"] {
            assert_eq!(Parameters::parse(twice).expect_err(twice).status, 400);
        }
    }

    #[test]
    fn a_path_may_be_signed_before_it_is_encoded() {
        let app = app();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(TIME);
        let query = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0";
        for signed in ["/apps/3/users/a b/x", "/apps/3/users/a%20b/x"] {
            let signature = app.sign(format!("POST\n{signed}\n{query}").as_bytes());
            let parameters = Parameters::parse(&format!("{query}&auth_signature={signature}")).expect("parameters");
            let sent = Signed { method: "POST", path: "/apps/3/users/a%20b/x", has_body: false };
            assert_eq!(parameters.check(&app, sent, now), Ok(()), "{signed}");
        }
        let signature = app.sign(format!("POST\n/apps/3/users/a%20b/x\n{query}").as_bytes());
        let parameters = Parameters::parse(&format!("{query}&auth_signature={signature}")).expect("parameters");
        let sent = Signed { method: "POST", path: "/apps/3/users/a%2520b/x", has_body: false };
        assert!(parameters.check(&app, sent, now).is_err(), "it is about another user");
    }
}
