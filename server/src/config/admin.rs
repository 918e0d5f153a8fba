//! Settings of the admin listener: where it listens, who may use it, and by which names it is called.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::error::{ConfigError, Part};
use super::form::Form;
use super::rights::all;
use super::setting::section;
use super::value::Value;
use crate::rights::{Secret, key_file};

/// Fewest bytes of a token: nobody guesses 16 random ones.
pub(crate) const MIN_TOKEN_BYTES: usize = 16;
/// Most tokens at a time: each request is compared with all.
const MAX_TOKENS: usize = 16;

section! { "For operators";
    admin_listen: String, Form::Text,
        "Address and port for operators: metrics, health, the status page, and actions",
        more: "Keep it on the loopback. A socket of its own, in clear text: see docs/operations.md for what it answers. On another \
               address it starts only with a token, and asks everybody for it who reads more than `/live` and `/ready`.",
        value_name: Some("ADDRESS:PORT"),
        default_in_words: Some("none, there is no such listener"),
        example: Some("127.0.0.1:9611");
    admin_token: Vec<Secret>, Form::Secrets,
        "Tokens of operators, each of at least 16 bytes: who has one may publish, disconnect, unsubscribe and list channels",
        more: "There is no flag for it: every user of the machine can read the arguments of a process. Each of the list counts, so \
               that a token can be changed: add the new one, and remove the old one when nobody uses it any more. \
               `fastapi-broadcaster admin` uses the first. Make one with `openssl rand -hex 32`.",
        // Too short, and so refused: nobody uses it by mistake.
        example: Some("[\"openssl rand\"]"),
        default_in_words: Some("none, there are no actions"),
        reloads: true;
    admin_token_file: Vec<PathBuf>, Form::Files,
        "Files with a token of operators each. Others than the owner and the group must not be able to use them",
        more: "The end of the last line is not part of the token. They come after those of `admin_token`.",
        example: Some("[\"/etc/fastapi-broadcaster/admin-token\"]"),
        reloads: true;
    admin_hosts: Vec<String>, Form::HostNames,
        "Names by which the admin listener may be called, besides localhost and addresses",
        more: "A request with another name in `Host` is refused: a page of any site could give its own name the address of this \
               machine (DNS rebinding).",
        example: Some("[\"ws1.internal\"]"),
        default_in_words: Some("none"),
        reloads: true;
}

/// What was decided about the admin listener. The tokens are also for those who ask it.
#[derive(Debug, Clone, Default)]
pub struct AdminOptions {
    /// Where it listens, if it does.
    pub listen: Option<SocketAddr>,
    /// Tokens of operators.
    pub tokens: Vec<Secret>,
    /// Names by which it may be called, in lower case.
    pub hosts: Vec<String>,
}

impl AdminOptions {
    /// Whether only programs of this machine reach it.
    pub fn is_on_loopback(&self) -> bool {
        self.listen.is_none_or(|address| address.ip().to_canonical().is_loopback())
    }
}

/// Reads the files of tokens, and checks what goes together.
pub(super) fn options(values: Values, clients: (&str, u16)) -> Result<AdminOptions, ConfigError> {
    let listen = values.admin_listen.map(|text| address(&text, clients)).transpose()?;
    let mut tokens = values.admin_token.unwrap_or_default();
    if let Some(problem) = tokens.iter().find_map(problem) {
        return Err(ConfigError::new("admin_token", Value::Secrets(tokens), problem));
    }
    tokens.extend(all("admin_token_file", values.admin_token_file, |path| key_file::token(path, problem))?);
    if tokens.len() > MAX_TOKENS {
        let problem = format!("there are {} tokens with those of the files, at most {MAX_TOKENS} can be", tokens.len());
        return Err(ConfigError::new("admin_token", Value::Secrets(tokens), problem));
    }
    let hosts = values.admin_hosts.unwrap_or_default().iter().map(|host| host.to_ascii_lowercase()).collect();
    let options = AdminOptions { listen, tokens, hosts };
    match options.listen {
        Some(address) if options.tokens.is_empty() && !options.is_on_loopback() => {
            let problem = [
                "other machines can reach this address, so it needs a token: set ".into(),
                Part::Key("admin_token_file"),
                " or ".into(),
                Part::Key("admin_token"),
                ", or listen on 127.0.0.1".into(),
            ];
            Err(ConfigError::new("admin_listen", Value::Text(address.to_string()), problem))
        }
        _ => Ok(options),
    }
}

/// No name: whether it is of the loopback must not depend on who answers for names.
fn address(text: &str, (host, port): (&str, u16)) -> Result<SocketAddr, ConfigError> {
    let refuse = |problem: &str| ConfigError::new("admin_listen", Value::Text(text.to_owned()), problem.to_owned());
    let address: SocketAddr =
        text.parse().map_err(|_| refuse("must be ADDRESS:PORT without a name, for example 127.0.0.1:9611"))?;
    if address.port() != 0 && address.port() == port && overlap(host, address.ip()) {
        return Err(refuse("is the port of the address for clients (listen): choose another port"));
    }
    Ok(address)
}

/// Whether one socket may get what is meant for the other.
fn overlap(host: &str, ip: IpAddr) -> bool {
    let host: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    ip.is_unspecified() || host.is_ok_and(|host| host.is_unspecified() || host.to_canonical() == ip.to_canonical())
}

fn problem(token: &Secret) -> Option<String> {
    let length = token.as_bytes().len();
    if length < MIN_TOKEN_BYTES {
        return Some(format!(
            "a token has {length} bytes, and at least {MIN_TOKEN_BYTES} are needed: make one with `openssl rand -hex 32`"
        ));
    }
    (!token.as_bytes().iter().all(u8::is_ascii_graphic))
        .then(|| "a token has characters that cannot stand in a header: use letters and digits".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::Settings;
    use super::*;

    const TOKEN: &[u8] = b"0123456789abcdef";

    fn listening(address: &str) -> Settings {
        Settings { admin_listen: Some(address.to_owned()), ..Settings::default() }
    }

    fn with_token(settings: Settings) -> Settings {
        Settings { admin_token: Some(vec![Secret::new(TOKEN)]), ..settings }
    }

    fn refused(settings: Settings) -> String {
        settings.resolve().unwrap_err().to_string()
    }

    #[test]
    fn there_is_no_listener_unless_it_is_asked_for() {
        let admin = Settings::default().resolve().unwrap().admin;
        assert!(admin.listen.is_none() && admin.tokens.is_empty() && admin.hosts.is_empty());
        let admin = listening("[::1]:9611").resolve().unwrap().admin;
        assert!(admin.is_on_loopback() && admin.listen.is_some());
    }

    #[test]
    fn beyond_the_loopback_it_needs_a_token() {
        for address in ["0.0.0.0:9611", "[::]:9611", "192.168.1.2:9611"] {
            let error = refused(listening(address));
            assert!(error.starts_with(&format!("admin_listen = {address}: other machines can reach")), "{error}");
            assert!(error.contains("set admin_token_file or admin_token"), "{error}");
            let admin = with_token(listening(address)).resolve().unwrap().admin;
            assert!(!admin.is_on_loopback());
        }
        for address in ["127.0.0.1:9611", "127.3.4.5:9611", "[::ffff:127.0.0.1]:9611"] {
            assert!(listening(address).resolve().unwrap().admin.is_on_loopback(), "{address}");
        }
    }

    #[test]
    fn its_address_is_no_name_and_not_that_for_clients() {
        for text in ["localhost:9611", "9611", "127.0.0.1", ":9611", "example.com:9611"] {
            let error = refused(listening(text));
            assert!(error.contains("must be ADDRESS:PORT without a name"), "{error}");
        }
        let pairs = [
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "127.0.0.1:8081"),
            ("127.0.0.1:8081", "0.0.0.0:8081"),
            ("127.0.0.1:8081", "[::]:8081"),
            ("[::1]:8081", "[::1]:8081"),
            ("0.0.0.0:8081", "localhost:8081"),
        ];
        for (admin, clients) in pairs {
            let error = refused(Settings { listen: Some(clients.to_owned()), ..listening(admin) });
            assert!(error.contains("is the port of the address for clients"), "{admin} {clients}: {error}");
        }
        let beside = Settings { listen: Some("127.0.0.2:8081".to_owned()), ..listening("127.0.0.1:8081") };
        assert!(beside.resolve().is_ok(), "they are two addresses");
        let both = Settings { listen: Some("127.0.0.1:0".to_owned()), ..listening("127.0.0.1:0") };
        assert!(both.resolve().is_ok(), "the system chooses two ports");
    }

    #[test]
    fn a_short_token_is_refused_and_not_shown() {
        let tokens = vec![Secret::new(TOKEN), Secret::new(*b"a-password")];
        let error = refused(Settings { admin_token: Some(tokens), ..Settings::default() });
        assert!(error.starts_with("admin_token = [hidden],[hidden]: a token has 10 bytes"), "{error}");
        let tokens = vec![Secret::new(*b"0123456789 abcdef")];
        let error = refused(Settings { admin_token: Some(tokens), ..Settings::default() });
        assert!(error.contains("cannot stand in a header") && !error.contains("0123"), "{error}");
        let many = vec![Secret::new(TOKEN); MAX_TOKENS + 1];
        assert!(refused(Settings { admin_token: Some(many), ..Settings::default() }).contains("at most 16"));
    }

    #[test]
    fn tokens_are_read_from_files_that_others_cannot_use() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "0123456789abcdef\n").unwrap();
        let settings = Settings { admin_token_file: Some(vec![path.clone()]), ..Settings::default() };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = refused(settings.clone());
        assert!(error.contains(&format!("chmod o= {}", path.display())), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(settings.clone().resolve().unwrap().admin.tokens, [Secret::new(TOKEN)]);
        fs::write(&path, "short\n").unwrap();
        assert!(refused(settings.clone()).contains("a token has 5 bytes"));
        // A command that needs no token needs no right to read it.
        fs::remove_file(&path).unwrap();
        assert!(settings.without_rights().resolve().unwrap().admin.tokens.is_empty());
    }

    #[test]
    fn names_are_compared_in_lower_case() {
        let hosts = Some(vec!["WS1.internal".to_owned()]);
        let admin = Settings { admin_hosts: hosts, ..listening("127.0.0.1:9611") }.resolve().unwrap().admin;
        assert_eq!(admin.hosts, ["ws1.internal"]);
    }
}
