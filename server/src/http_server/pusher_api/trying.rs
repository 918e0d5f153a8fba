//! Does with what strangers send what the API does, but for the network, for the fuzz targets.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use url::form_urlencoded;

use super::endpoint::Place;
use super::given::{self, Given};
use super::refused::Refused;
use super::signature::{Parameters, Signed};
use crate::rights::PusherApp;

/// The time at which requests are judged.
const NOW: u64 = 1_700_000_000;
const ID: &str = "3";

fn app() -> PusherApp {
    "id=3 key=key secret=a-secret-that-the-fuzzer-does-not-know".parse().expect("an application")
}

fn check(query: &str, path: &str) -> Result<(), Refused> {
    let signed = Signed { method: "POST", path, has_body: false };
    Parameters::parse(query)?.check(&app(), signed, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

/// A target that nobody has signed.
pub(crate) fn try_target(target: &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(place) = Place::of(path, ID) {
        assert!(path.ends_with(place.signed) && place.signed.starts_with("/apps/"));
        assert!(place.endpoint().is_err() || place.signed[1..].split('/').all(|part| !part.is_empty()));
    } else {
        assert!(!path.contains("/apps/"));
    }
    let refused = check(query, path).expect_err("a request that nobody has signed counts");
    assert!(matches!(refused.status.as_u16(), 400 | 401));
    assert!(!refused.sentence.contains("a-secret"));
}

/// Parameters, a line for each name and value, that are signed by other means than the code.
pub(crate) fn try_signed(text: &str) {
    let mut parameters = BTreeMap::from([
        ("auth_key".to_owned(), "key".to_owned()),
        ("auth_timestamp".to_owned(), NOW.to_string()),
        ("auth_version".to_owned(), "1.0".to_owned()),
    ]);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&parameters);
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let signed = name.to_lowercase();
        if !signed.ends_with(']') && signed != "auth_signature" && !parameters.contains_key(&signed) {
            query.append_pair(name, value);
            parameters.insert(signed, value.to_owned());
        }
    }
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signature = app().sign(format!("POST\n/apps/3/events\n{}", pairs.join("&")).as_bytes());
    let query = query.append_pair("auth_signature", &signature).finish();
    let checked = check(&query, "/apps/3/events");
    assert_eq!(checked, Ok(()), "{query}");
}

/// The body of an event, or of a batch.
pub(crate) fn try_body(body: &[u8], is_batch: bool) {
    let read = if is_batch { given::batch(body) } else { given::event(body).map(|event| vec![event]) };
    let events = match read {
        Ok(events) => events,
        Err(refused) => return assert_eq!(refused.status, 400),
    };
    assert!((1..=given::MAX_BATCH).contains(&events.len()));
    // A number may be too large for this reader.
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    let event = |index: usize| if is_batch { &value["batch"][index] } else { &value };
    events.iter().enumerate().for_each(|(index, given)| check_event(given, event(index)));
}

fn check_event(given: &Given, value: &Value) {
    let new = given.to_new_event();
    let json = |text: &[u8]| serde_json::from_slice::<Value>(text);
    assert_eq!(json(new.name_json).expect("a name"), value["name"]);
    let name = value["name"].as_str().expect("a text");
    assert!((1..=200).contains(&name.len()) && !name.starts_with("pusher:") && !name.starts_with("pusher_internal:"));
    let data = value["data"].as_str().expect("a text");
    if data.as_bytes() != new.payload_json {
        assert!(json(data.as_bytes()).is_err(), "JSON was not kept");
        assert_eq!(json(new.payload_json).expect("a string"), data);
    }
    let channels = new.channels.expect("never for everybody");
    assert!((1..=100).contains(&channels.len()));
    for channel in channels {
        let is_named = |name: &Value| name == channel.as_str();
        let several = value["channels"].as_array();
        assert!(is_named(&value["channel"]) || several.is_some_and(|names| names.iter().any(is_named)));
        assert!(!channel.as_str().contains([':', '/', ' ']));
        assert!(channels.len() == 1 || !channel.as_str().starts_with("private-encrypted-"));
    }
    assert!(new.except.is_none_or(|except| except.len() <= 64 && value["socket_id"] == except));
}
