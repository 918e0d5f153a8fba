//! Settings of rights: keys of tokens, which channels are public, and how many there may be.

use std::path::PathBuf;

use queue::shown;

use super::clients;
use super::error::{ConfigError, Part};
use super::form::{Form, Unit};
use super::setting::section;
use super::value::Value;
use crate::rights::key_file::{self, KeyFileError};
use crate::rights::{Expected, Key, Keys, MAX_KEYS, MAX_TOKEN_CHANNELS, Pattern, PusherApp, Rights, Secret};

section! { "Channels and who may read them";
    token_secret: Vec<Secret>, Form::Secrets,
        "Secrets that tokens of HS256, HS384 and HS512 are signed with, each of at least 32 bytes",
        more: "There is no flag for it: every user of the machine can read the arguments of a process. In the variable commas \
               stand between several; a secret with a comma needs the file. `token create` signs with the first, and each is \
               tried for a token: to change a secret, put the new one in front, and remove the old one when its tokens have \
               ended. Make one with `openssl rand -hex 32`.",
        // Too short, and so refused: nobody signs with it by mistake.
        example: Some("[\"made by openssl rand -hex 32\"]"),
        reloads: true;
    token_secret_file: Vec<PathBuf>, Form::Files,
        "Files with a secret each. Others than the owner and the group must not be able to use them",
        more: "The end of the last line is not part of the secret. They are tried after those of `token_secret`.",
        example: Some("[\"/etc/fastapi-broadcaster/token-secret\"]"),
        reloads: true;
    token_public_key_file: Vec<PathBuf>, Form::Files,
        "Files with a public key each, in PEM: of RSA for RS256, of P-256 for ES256, of Ed25519 for EdDSA",
        more: "A key is for the algorithm of its kind alone, whatever a token says.",
        example: Some("[\"/etc/fastapi-broadcaster/token-key.pem\"]"),
        reloads: true;
    token_audience: String, Form::Text,
        "What the claim `aud` of a token must be or contain",
        example: Some("example.com"),
        default_in_words: Some("none, it is not looked at"),
        reloads: true;
    token_issuer: String, Form::Text,
        "What the claim `iss` of a token must be",
        example: Some("https://example.com"),
        default_in_words: Some("none, it is not looked at"),
        reloads: true;
    public_channels: Vec<Pattern>, Form::Patterns,
        "Channels that every client may read: names, or beginnings of names and a * at the end",
        more: "With a key for tokens, a hook or an `app` it must be set: [\"*\"] for all, or [\"public.*\"] for those that begin so; in the file \
               also [], an empty list, for none. Names that begin with private- or presence- need a right in any case.",
        example: Some("[\"public.*\"]"),
        default_in_words: Some("* without a key for tokens, a hook and an app"),
        reloads: true;
    anonymous: bool = true, Form::Switch,
        "Whether clients may connect without a token, or without the hook (`auth_hook`) if there is one",
        more: "If it is false, or `public_channels` is other than *, events for everybody are only for those who ask for them \
               with a token that allows `everybody`, or whom the hook allows that. If it is false, clients of the Pusher \
               protocol must have signed in before they subscribe to public channels.",
        reloads: true;
    max_channels_per_client: usize = MAX_TOKEN_CHANNELS, Form::at_least_one(Unit::Count),
        "Channels that one client may have at a time",
        reloads: true;
    max_channels: usize = 1_000_000, Form::at_least_one(Unit::Count),
        "Channels that there may be at a time",
        reloads: true;
    max_subscriptions: usize, Form::at_least_one(Unit::Count),
        "Subscriptions of all clients together",
        example: Some("40000"),
        default_in_words: Some("four times max_connections"),
        reloads: true;
}

/// How many channels and subscriptions there may be.
pub(super) struct ChannelLimits {
    pub(super) per_client: usize,
    pub(super) all: usize,
    pub(super) subscriptions: usize,
}

pub(super) fn limits(values: &Values, clients: &clients::Values) -> ChannelLimits {
    let subscriptions = values.max_subscriptions.unwrap_or(clients.max_connections.saturating_mul(4));
    ChannelLimits { per_client: values.max_channels_per_client, all: values.max_channels, subscriptions }
}

/// Reads the files of keys, and decides who may read what.
pub(super) fn rights(values: Values, has_hook: bool, app: Option<PusherApp>) -> Result<Rights, ConfigError> {
    let Values { token_secret, token_secret_file, token_public_key_file, public_channels, anonymous, .. } = values;
    let mut secrets = token_secret.unwrap_or_default();
    if let Some(problem) = secrets.iter().find_map(Secret::problem) {
        return Err(ConfigError::new("token_secret", Value::Secrets(secrets), problem));
    }
    secrets.extend(all("token_secret_file", token_secret_file, key_file::secret)?);
    let mut keys: Vec<Key> = secrets.iter().map(Key::secret).collect();
    keys.extend(all("token_public_key_file", token_public_key_file, key_file::public_key)?);
    let is_open = keys.is_empty() && !has_hook && app.is_none();
    if keys.len() > MAX_KEYS {
        let problem =
            format!("there are {} keys with those of the other settings, at most {MAX_KEYS} can be", keys.len());
        return Err(ConfigError::new("token_secret", Value::Secrets(secrets), problem));
    }
    if is_open && !anonymous {
        let problem = [
            "without a key for tokens nobody could connect: set ".into(),
            Part::Key("token_secret_file"),
            " or ".into(),
            Part::Key("token_public_key_file"),
        ];
        return Err(ConfigError::new("anonymous", Value::Switch(anonymous), problem));
    }
    let public = match public_channels {
        Some(patterns) => patterns,
        None if is_open => Rights::open().public,
        None if !keys.is_empty() => return Err(choose("there is a key for tokens, so say which channels need none: ")),
        None if has_hook => return Err(choose("there is a hook, so say which channels are for everybody: ")),
        None => return Err(choose("there is an application (app), so say which channels are for everybody: ")),
    };
    let expected = Expected { audience: values.token_audience, issuer: values.token_issuer };
    let rights = Rights { public, anonymous, keys: Keys::new(keys), secrets, expected, app, ..Rights::open() };
    if let Some(app) = rights.app.as_ref().filter(|app| app.global_events)
        && !rights.gets_everybody(None, None)
    {
        let problem = [
            "global_events sends events for everybody to all who have the key, and here not everybody may have them: leave it \
             out, or set "
                .into(),
            Part::Line("public_channels", "*"),
            ", and do not switch off ".into(),
            Part::Key("anonymous"),
        ];
        return Err(ConfigError::new("app", Value::Apps(vec![app.clone()]), problem));
    }
    Ok(rights)
}

/// With the two lines to choose from.
fn choose(why: &'static str) -> ConfigError {
    let problem = [
        why.into(),
        Part::Line("public_channels", "*"),
        " for all but private-... and presence-..., or ".into(),
        Part::Line("public_channels", "public.*"),
        " for those alone that begin so".into(),
    ];
    ConfigError::missing("public_channels", problem)
}

/// What is in each of the files. The first that is refused counts.
pub(super) fn all<T>(
    key: &'static str,
    paths: Option<Vec<PathBuf>>,
    read: impl Fn(&std::path::Path) -> Result<T, KeyFileError>,
) -> Result<Vec<T>, ConfigError> {
    let refuse = |path: &PathBuf, error: KeyFileError| match error {
        KeyFileError::Unreadable(path, cause) if path.is_relative() => {
            let problem = format!(
                "cannot read the file: {cause} (give its absolute path: another is not shown, it may be the secret itself)"
            );
            ConfigError::without_value(key, problem)
        }
        KeyFileError::Pem(path) => {
            let problem = format!("{} holds a key in PEM and no secret: a public key goes into ", shown(&path));
            let problem = [Part::Text(problem.into()), Part::Key("token_public_key_file")];
            ConfigError::new(key, Value::Files(vec![path]), problem)
        }
        error => ConfigError::new(key, Value::Files(vec![path.clone()]), error.to_string()),
    };
    let paths = paths.unwrap_or_default();
    paths.iter().map(|path| read(path).map_err(|error| refuse(path, error))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::Settings;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn with_key() -> Settings {
        Settings { token_secret: Some(vec![Secret::new(SECRET)]), ..Settings::default() }
    }

    #[test]
    fn with_a_key_it_must_be_said_which_channels_are_public() {
        let error = with_key().resolve().unwrap_err();
        assert_eq!(error.key(), "public_channels");
        let error = error.to_string();
        assert!(error.starts_with("public_channels is not set: "), "{error}");
        assert!(error.contains(r#"public_channels = ["*"]"#), "{error}");
        assert!(error.contains(r#"public_channels = ["public.*"]"#), "{error}");
        let config = Settings { public_channels: Some(Vec::new()), ..with_key() }.resolve().unwrap();
        assert!(config.rights.public.is_empty() && config.rights.takes_tokens());
        assert_eq!(Settings::default().resolve().unwrap().rights.public, [Pattern::all()]);
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let secrets = vec![Secret::new(SECRET), Secret::new(*b"a password")];
        let error = Settings { token_secret: Some(secrets), ..Settings::default() }.resolve().unwrap_err().to_string();
        assert!(error.starts_with("token_secret = [hidden],[hidden]: a secret has 10 bytes"), "{error}");
        assert!(error.contains("openssl rand -hex 32") && !error.contains("password"), "{error}");
    }

    #[test]
    fn secrets_are_in_no_debug_text() {
        let settings = Settings { public_channels: Some(Vec::new()), ..with_key() };
        let texts = [format!("{settings:?}"), format!("{:?}", settings.resolve().unwrap())];
        for text in texts {
            assert!(!text.contains("0123456789") && !text.contains("48, 49"), "{text}");
        }
    }

    #[test]
    fn nobody_could_connect_without_a_key_and_without_anonymous_clients() {
        let error = Settings { anonymous: Some(false), ..Settings::default() }.resolve().unwrap_err();
        assert_eq!(error.key(), "anonymous");
    }

    #[test]
    fn keys_are_read_from_files_and_refused_with_their_path() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, SECRET).unwrap();
        let settings = Settings {
            token_secret_file: Some(vec![path.clone()]),
            public_channels: Some(Vec::new()),
            ..Settings::default()
        };
        let resolve = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            settings.clone().resolve()
        };
        let error = resolve(0o644).unwrap_err();
        assert_eq!(error.key(), "token_secret_file");
        assert!(error.to_string().contains(&format!("chmod o= {}", path.display())), "{error}");
        assert_eq!(resolve(0o640).unwrap().rights.secrets, [Secret::new(SECRET)]);
        let settings_of = |path: &str| Settings { token_secret_file: Some(vec![path.into()]), ..settings.clone() };
        let error = settings_of("4b5d11f0c8a4e2d9/f6b7a3c1e5d8f092").resolve().unwrap_err().to_string();
        assert!(error.starts_with("token_secret_file: cannot read the file: ") && !error.contains("4b5d"), "{error}");
        // A command that needs no key needs no right to read it.
        fs::remove_file(&path).unwrap();
        assert!(!settings.without_rights().resolve().unwrap().rights.takes_tokens());
    }

    #[test]
    fn subscriptions_are_four_for_each_client_unless_they_are_set() {
        let limits = |settings: Settings| settings.resolve().unwrap().limits;
        let defaults = limits(Settings::default());
        assert_eq!((defaults.max_channels_per_client, defaults.max_channels), (128, 1_000_000));
        assert_eq!(limits(Settings { max_connections: Some(7), ..Settings::default() }).max_subscriptions, 28);
        assert_eq!(limits(Settings { max_subscriptions: Some(7), ..Settings::default() }).max_subscriptions, 7);
    }
}
