//! The application that Pusher clients and servers belong to: its names, its secrets, and what they sign with them.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use ring::hmac;
use thiserror::Error;

use super::secret::Secret;
use super::webhook::{WebhookEvent, WebhookEvents, WebhookUrl};

/// Most secrets at a time: a new one, and those that it replaces.
const MAX_SECRETS: usize = 8;
/// Most URLs of webhooks. Each has a connection and a queue of its own.
pub(crate) const MAX_WEBHOOKS: usize = 8;
/// A shorter secret may be guessed. Those of Pusher have 20.
const SHORT_SECRET_BYTES: usize = 20;
/// Longest id and key, in bytes. Both stand in URLs.
const MAX_NAME_BYTES: usize = 100;

/// What the settings say of the application (`[[app]]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PusherApp {
    /// In the paths of the HTTP API.
    pub id: Box<str>,
    /// What clients connect with. It is public.
    pub key: Box<str>,
    /// What the application's server signs with. The first is the one that we sign with; each is tried.
    secrets: Vec<Secret>,
    /// Whether events for everybody go to Pusher clients.
    pub global_events: bool,
    /// Who may send events to other clients.
    pub client_events: ClientEvents,
    /// Who is told what happens to channels.
    webhooks: Vec<WebhookUrl>,
    /// Of what they are told.
    webhook_events: WebhookEvents,
}

/// Who may send events to other clients of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientEvents {
    /// Nobody.
    #[default]
    Off,
    /// Subscribers of private and presence channels, to each other.
    Members,
}

/// Why a text or table is no application.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidApp {
    /// One of the names is missing.
    #[error("needs id, key and secret")]
    Incomplete,
    /// A name that cannot stand in a URL.
    #[error("id and key have 1 to {MAX_NAME_BYTES} of the characters A-Z a-z 0-9 _ - .")]
    Name,
    /// No secret, or too many.
    #[error("secret must be a text that is not empty, or a list of 1 to {MAX_SECRETS} of them")]
    Secret,
    /// Another word.
    #[error(r#"client_events must be "off" or "members""#)]
    ClientEvents,
    /// Another word.
    #[error("global_events must be true or false")]
    GlobalEvents,
    /// No URL that a webhook can have. It is not repeated: it may hold a secret.
    #[error("a webhook must be http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH, without a user and a password")]
    WebhookUrl,
    /// Too many URLs, or one twice.
    #[error("there are {MAX_WEBHOOKS} webhooks at most, each with another URL")]
    Webhooks,
    /// Another word, or none.
    #[error(
        "webhook events must be one or more of channel_occupied, channel_vacated, member_added, member_removed, \
         client_event and cache_miss"
    )]
    WebhookEvent,
    /// A key that it does not have.
    #[error("has no key `{0}`: it has id, key, secret, client_events, global_events, webhook or webhook_event")]
    UnknownKey(Box<str>),
    /// A key for which there is one value.
    #[error("has `{0}` twice")]
    Twice(Box<str>),
    /// Something else. It is not repeated: it may be a part of a secret.
    #[error("is no application: write id=ID key=KEY secret=SECRET, with spaces between")]
    Form,
}

/// Why an `auth` allows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotSigned {
    /// It has no colon.
    #[error("auth must be KEY:SIGNATURE, as the application's server makes it")]
    Form,
    /// It is for another application.
    #[error("auth names another key than that of the app")]
    OtherKey,
    /// The signature is of another text, or made with another secret.
    #[error("is the secret of the application's server the one of [[app]]?")]
    Signature,
}

impl FromStr for ClientEvents {
    type Err = InvalidApp;

    fn from_str(text: &str) -> Result<ClientEvents, InvalidApp> {
        match text {
            "off" => Ok(ClientEvents::Off),
            "members" => Ok(ClientEvents::Members),
            _ => Err(InvalidApp::ClientEvents),
        }
    }
}

impl PusherApp {
    /// The keys of its table in the file.
    pub const KEYS: [&str; 7] = ["id", "key", "secret", "client_events", "global_events", "webhooks", "webhook_events"];

    /// An application without its options.
    ///
    /// # Errors
    /// When a name is not valid, or there is no secret.
    pub fn new(id: &str, key: &str, secrets: Vec<Secret>) -> Result<PusherApp, InvalidApp> {
        let is_name = |name: &str| {
            (1..=MAX_NAME_BYTES).contains(&name.len())
                // URLs lose these.
                && ![".", ".."].contains(&name)
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        if !is_name(id) || !is_name(key) {
            return Err(InvalidApp::Name);
        }
        if !(1..=MAX_SECRETS).contains(&secrets.len()) || secrets.iter().any(|secret| secret.as_bytes().is_empty()) {
            return Err(InvalidApp::Secret);
        }
        Ok(PusherApp {
            id: id.into(),
            key: key.into(),
            secrets,
            global_events: false,
            client_events: ClientEvents::default(),
            webhooks: Vec::new(),
            webhook_events: WebhookEvents::default(),
        })
    }

    /// Lets its server be told of `events`, or of the usual ones.
    ///
    /// # Errors
    /// When there are too many URLs, one of them twice, or no events.
    pub fn set_webhooks(
        &mut self,
        urls: Vec<WebhookUrl>,
        events: Option<impl IntoIterator<Item = WebhookEvent>>,
    ) -> Result<(), InvalidApp> {
        let is_twice = |(index, url): (usize, &WebhookUrl)| urls[..index].contains(url);
        if urls.len() > MAX_WEBHOOKS || urls.iter().enumerate().any(is_twice) {
            return Err(InvalidApp::Webhooks);
        }
        let events = events.map(WebhookEvents::from_iter).unwrap_or_default();
        if events == WebhookEvents::NONE {
            return Err(InvalidApp::WebhookEvent);
        }
        (self.webhooks, self.webhook_events) = (urls, events);
        Ok(())
    }

    /// Whether a secret is short, or has a space: most likely it is a text that somebody made up.
    pub fn has_weak_secret(&self) -> bool {
        self.secrets
            .iter()
            .map(Secret::as_bytes)
            .any(|secret| secret.len() < SHORT_SECRET_BYTES || secret.contains(&b' '))
    }

    /// Who is told what happens to channels.
    pub fn webhooks(&self) -> &[WebhookUrl] {
        &self.webhooks
    }

    /// Of what they are told: of nothing if there is nobody.
    pub(crate) fn webhook_events(&self) -> WebhookEvents {
        if self.webhooks.is_empty() { WebhookEvents::NONE } else { self.webhook_events }
    }

    /// The signature of a text: the hexadecimal digits of its HMAC-SHA256 with the first secret.
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        // There is one: `new` has checked it.
        let secret = self.secrets.first().map_or(&[][..], Secret::as_bytes);
        HEXLOWER.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text).as_ref())
    }

    /// Whether a signature is that of a text, with one of the secrets. How long that takes does not depend on where they
    /// differ.
    pub(crate) fn is_signature(&self, signature: &str, text: &[u8]) -> bool {
        let Ok(signature) = HEXLOWER.decode(signature.as_bytes()) else { return false };
        let is_of = |secret: &Secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::verify(&key, text, &signature).is_ok()
        };
        self.secrets.iter().any(is_of)
    }

    /// Checks that the application's server allows what `signed` says: `auth` is the key, a colon, and the signature.
    /// The parts of the text stand in it with colons between.
    pub(crate) fn check(&self, auth: &str, signed: &[&str]) -> Result<(), NotSigned> {
        let (key, signature) = auth.split_once(':').ok_or(NotSigned::Form)?;
        if key != &*self.key {
            return Err(NotSigned::OtherKey);
        }
        self.is_signature(signature, signed.join(":").as_bytes()).then_some(()).ok_or(NotSigned::Signature)
    }
}

/// Whether a word can be shown: it is no part of a secret with spaces, which may end with `=` as base64 does.
fn looks_like_a_key(key: &str, value: &str) -> bool {
    let is_word = (1..=20).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word && !value.is_empty() && !value.starts_with('=')
}

/// `id=ID key=KEY secret=SECRET secret=SECRET client_events=members global_events=true webhook=URL webhook_event=NAME`.
impl FromStr for PusherApp {
    type Err = InvalidApp;

    fn from_str(text: &str) -> Result<PusherApp, InvalidApp> {
        let (mut id, mut key, mut secrets) = (None, None, Vec::new());
        let (mut client_events, mut global_events) = (None, None);
        let (mut webhooks, mut webhook_events) = (Vec::new(), Vec::new());
        for word in text.split_ascii_whitespace() {
            match word.split_once('=').ok_or(InvalidApp::Form)? {
                ("id", word) if id.is_none() => id = Some(word),
                ("key", word) if key.is_none() => key = Some(word),
                ("secret", word) => secrets.push(Secret::new(word.as_bytes())),
                ("client_events", word) if client_events.is_none() => client_events = Some(word.parse()?),
                ("global_events", word) if global_events.is_none() => {
                    global_events = Some(word.parse().map_err(|_| InvalidApp::GlobalEvents)?);
                }
                ("webhook", word) => webhooks.push(word.parse()?),
                ("webhook_event", word) => webhook_events.push(word.parse()?),
                (key @ ("id" | "key" | "client_events" | "global_events"), _) => {
                    return Err(InvalidApp::Twice(key.into()));
                }
                (key, value) if looks_like_a_key(key, value) => return Err(InvalidApp::UnknownKey(key.into())),
                _ => return Err(InvalidApp::Form),
            }
        }
        let (Some(id), Some(key), false) = (id, key, secrets.is_empty()) else { return Err(InvalidApp::Incomplete) };
        let mut app = PusherApp::new(id, key, secrets)?;
        app.client_events = client_events.unwrap_or_default();
        app.global_events = global_events.unwrap_or_default();
        app.set_webhooks(webhooks, Some(webhook_events).filter(|events| !events.is_empty()))?;
        Ok(app)
    }
}

/// As it is read, without its secrets.
impl fmt::Display for PusherApp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "id={} key={}", self.id, self.key)?;
        self.secrets.iter().try_for_each(|secret| write!(formatter, " secret={secret}"))?;
        if self.client_events == ClientEvents::Members {
            write!(formatter, " client_events=members")?;
        }
        if self.global_events {
            write!(formatter, " global_events=true")?;
        }
        self.webhooks.iter().try_for_each(|url| write!(formatter, " webhook={url}"))?;
        if self.webhook_events != WebhookEvents::default() {
            self.webhook_events.iter().try_for_each(|event| write!(formatter, " webhook_event={}", event.name()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_are_those_of_the_documented_examples() {
        // Of Pusher's documentation of its authentication signatures and of its HTTP API.
        let app: PusherApp =
            "id=3 key=278d425bdf160c739803 secret=other secret=7ad3773142a6692b25b8".parse().expect("an application");
        let private = "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
        assert_eq!(app.check(private, &["1234.1234", "private-foobar"]), Ok(()));
        let presence = "278d425bdf160c739803:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80";
        let data = r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#;
        assert_eq!(app.check(presence, &["1234.1234", "presence-foobar", data]), Ok(()));
        for (wrong, reason) in [
            ("", NotSigned::Form),
            (&private.replace(':', "."), NotSigned::Form),
            (":", NotSigned::OtherKey),
            (&private[1..], NotSigned::OtherKey),
            (&private[..private.len() - 1], NotSigned::Signature),
            (&private.replace("58df", "58DF"), NotSigned::Signature),
        ] {
            assert_eq!(app.check(wrong, &["1234.1234", "private-foobar"]), Err(reason), "{wrong}");
        }
        assert_eq!(app.check(private, &["1234.1235", "private-foobar"]), Err(NotSigned::Signature));
        let own = app.sign(b"text");
        assert!(app.is_signature(&own, b"text") && !app.is_signature(&own, b"texts"));
    }

    #[test]
    fn a_short_secret_and_a_sample_text_are_weak() {
        let app = |secrets: &[&str]| {
            let secrets = secrets.iter().map(|secret| Secret::new(secret.as_bytes())).collect();
            PusherApp::new("1", "k", secrets).expect("an application")
        };
        assert!(!app(&["7ad3773142a6692b25b8"]).has_weak_secret());
        assert!(app(&["7ad3773142a6692b25b8", "7ad3773142a6692b25b"]).has_weak_secret());
        assert!(app(&["made by openssl rand -hex 32"]).has_weak_secret());
    }

    #[test]
    fn an_application_is_read_as_it_is_written_and_its_secrets_are_never_shown() {
        let text = "id=1 key=app-key secret=geheim client_events=members global_events=true webhook=http://a/geheim \
                    webhook_event=channel_vacated webhook_event=client_event";
        let app: PusherApp = text.parse().expect("an application");
        assert_eq!(app.to_string(), text.replace("http://a/geheim", "[hidden]").replace("geheim", "[hidden]"));
        assert!(!format!("{app:?}").contains("geheim") && !format!("{app:?}").contains("103"));
        for (text, error) in [
            ("", InvalidApp::Incomplete),
            ("id=1 key=k", InvalidApp::Incomplete),
            ("id=1 key=k secret=", InvalidApp::Secret),
            ("id=a/b key=k secret=s", InvalidApp::Name),
            ("id=1 key= secret=s", InvalidApp::Name),
            ("id=.. key=k secret=s", InvalidApp::Name),
            ("id=1 key=k secret=s client_events=all", InvalidApp::ClientEvents),
            ("id=1 key=k secret=s global_events=1", InvalidApp::GlobalEvents),
            ("id=1 key=k secret=s webhook=app", InvalidApp::WebhookUrl),
            ("id=1 key=k secret=s webhook=http://a webhook=http://a/", InvalidApp::Webhooks),
            ("id=1 key=k secret=s webhook_event=occupied", InvalidApp::WebhookEvent),
            ("id=1 key=k secret=s more", InvalidApp::Form),
            ("id=1 key=k key=k secret=s", InvalidApp::Twice("key".into())),
            ("id=1 key=k secret=s foo=1", InvalidApp::UnknownKey("foo".into())),
            ("id=1 key=k secret=c2VjcmV0 geheim==", InvalidApp::Form),
            ("id=1 key=k secret=c2VjcmV0 Geheim=1", InvalidApp::Form),
        ] {
            assert_eq!(text.parse::<PusherApp>(), Err(error), "{text}");
        }
    }
}
