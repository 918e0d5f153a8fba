//! Where Redis is: the URL of the settings, taken apart. It connects to nothing.
//!
//! The URLs of one server are those of redis-cli and of most clients; the others are the same with several hosts, as
//! Python clients write them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::rights::Secret;
use crate::tls::TlsFiles;

/// The forms that are accepted, for error texts. The login stands apart: in a URL, all outputs hide it, even this one.
const FORMS: &str = "redis://HOST[:6379][/DB], rediss://... (TLS), redis+unix:///PATH[?db=DB], \
                     redis+sentinel://HOST[:26379],HOST,.../MASTER[/DB] or redis+cluster://HOST[:6379],HOST,...; a \
                     login stands before the first HOST: USER:PASSWORD@ or :PASSWORD@, with all characters but \
                     letters, digits and -._~ percent-encoded (@ as %40)";
const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;

/// Where Redis is, and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) servers: Servers,
    pub(super) login: Option<Login>,
    /// The number of the database.
    pub(super) db: u32,
    /// With TLS, if it is there; of the sentinels too.
    pub(super) tls: Option<TlsFiles>,
}

impl Address {
    /// The user that logs in.
    pub fn user(&self) -> &str {
        self.login.as_ref().and_then(|login| login.user.as_deref()).unwrap_or("default")
    }

    /// Whether it has a password.
    pub fn has_password(&self) -> bool {
        self.login.is_some() || matches!(&self.servers, Servers::Sentinel { login: Some(_), .. })
    }
}

/// Which servers are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Servers {
    One(Host),
    Unix(PathBuf),
    Sentinel {
        sentinels: Vec<Host>,
        /// The name of the master.
        master: String,
        /// For the sentinels themselves, which have users of their own.
        login: Option<Login>,
    },
    /// Any of these servers says where the others are.
    Cluster(Vec<Host>),
}

/// A name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    /// Without the brackets of an IPv6 address.
    pub(super) name: String,
    pub(super) port: u16,
}

/// As it is written in a URL.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Host { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

/// A user and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The default user, if it is not there.
    pub(super) user: Option<String>,
    pub(super) password: Secret,
}

/// Which part of a URL is wrong. It shows nothing of the URL: any part of one that is wrong may be the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}: write {FORMS}")]
pub struct InvalidAddress(String);

fn wrong<T>(problem: impl Into<String>) -> Result<T, InvalidAddress> {
    Err(InvalidAddress(problem.into()))
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(url: &str) -> Result<Address, InvalidAddress> {
        let Some((scheme, rest)) = url.split_once("://") else { return wrong("the scheme is missing") };
        if rest.contains('#') {
            return wrong("there is a #, which in a password is %23");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parameters = Parameters::of(query)?;
        let address = match scheme.to_ascii_lowercase().as_str() {
            "redis+unix" | "unix" => unix(rest, &mut parameters)?,
            "redis" => one(rest, None)?,
            "rediss" => one(rest, Some(tls_files(&mut parameters)?))?,
            "redis+sentinel" => sentinel(rest, None, &mut parameters)?,
            "rediss+sentinel" => sentinel(rest, Some(tls_files(&mut parameters)?), &mut parameters)?,
            "redis+cluster" => cluster(rest, None)?,
            "rediss+cluster" => cluster(rest, Some(tls_files(&mut parameters)?))?,
            _ => return wrong("the scheme is unknown"),
        };
        parameters.end()?;
        Ok(address)
    }
}

fn one(rest: &str, tls: Option<TlsFiles>) -> Result<Address, InvalidAddress> {
    let (login, mut hosts, path) = parts(rest, DEFAULT_PORT)?;
    let (Some(host), true) = (hosts.pop(), hosts.is_empty()) else {
        return wrong("there are several hosts, for which the scheme is redis+sentinel or redis+cluster");
    };
    Ok(Address { servers: Servers::One(host), login, db: number_of_db(path)?, tls })
}

fn sentinel(rest: &str, tls: Option<TlsFiles>, parameters: &mut Parameters) -> Result<Address, InvalidAddress> {
    let (login, sentinels, path) = parts(rest, DEFAULT_SENTINEL_PORT)?;
    let (master, db) = path.split_once('/').unwrap_or((path, ""));
    let master = decoded(master, "the name of the master")?;
    if master.is_empty() {
        return wrong("the name of the master is missing after the hosts");
    }
    let user = parameters.take("sentinel_username");
    let own_login = self::login(user, parameters.take("sentinel_password"))?;
    Ok(Address {
        servers: Servers::Sentinel { sentinels, master, login: own_login },
        login,
        db: number_of_db(db)?,
        tls,
    })
}

fn cluster(rest: &str, tls: Option<TlsFiles>) -> Result<Address, InvalidAddress> {
    let (login, seeds, path) = parts(rest, DEFAULT_PORT)?;
    match path {
        "" | "0" => Ok(Address { servers: Servers::Cluster(seeds), login, db: 0, tls }),
        _ => wrong("a Redis Cluster has no other database than 0"),
    }
}

fn unix(path: &str, parameters: &mut Parameters) -> Result<Address, InvalidAddress> {
    let path = decoded(path, "the path")?;
    if !path.starts_with('/') || path.contains('\0') {
        return wrong("the path of the socket must be absolute, so three / follow the colon");
    }
    let db = parameters.take("db").unwrap_or_default();
    let login = login(parameters.take("user"), parameters.take("pass"))?;
    Ok(Address { servers: Servers::Unix(path.into()), login, db: number_of_db(&db)?, tls: None })
}

fn tls_files(parameters: &mut Parameters) -> Result<TlsFiles, InvalidAddress> {
    let mut file = |name: &str| match parameters.take(name) {
        Some(path) if !path.starts_with('/') || path.contains('\0') => {
            wrong(format!("{name} must be an absolute path"))
        }
        path => Ok(path.map(PathBuf::from)),
    };
    let (ca, cert, key) = (file("ca")?, file("cert")?, file("key")?);
    match (cert, key) {
        (None, None) => Ok(TlsFiles { ca, own: None }),
        (Some(cert), Some(key)) => Ok(TlsFiles { ca, own: Some((cert, key)) }),
        _ => wrong("cert and key belong together"),
    }
}

/// Login, hosts and path.
fn parts(rest: &str, default_port: u16) -> Result<(Option<Login>, Vec<Host>, &str), InvalidAddress> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if path.contains('@') {
        return wrong("there is a / in the password, which is written as %2F");
    }
    let (userinfo, hosts) = match authority.rsplit_once('@') {
        Some((userinfo, hosts)) => (Some(userinfo), hosts),
        None => (None, authority),
    };
    let login = userinfo.map(login_of_url).transpose()?.flatten();
    let hosts = hosts.split(',').map(|text| host(text, default_port)).collect::<Result<_, _>>()?;
    Ok((login, hosts, path))
}

fn login_of_url(userinfo: &str) -> Result<Option<Login>, InvalidAddress> {
    let Some((user, password)) = userinfo.split_once(':') else {
        return wrong("before the @ there must be USER:PASSWORD, or :PASSWORD for the default user");
    };
    let user = Some(decoded(user, "the user")?).filter(|user| !user.is_empty());
    login(user, Some(decoded(password, "the password")?))
}

fn login(user: Option<String>, password: Option<String>) -> Result<Option<Login>, InvalidAddress> {
    match (user, password.filter(|password| !password.is_empty())) {
        (None, None) => Ok(None),
        (Some(_), None) => wrong("the user has no password"),
        (user, Some(password)) => Ok(Some(Login { user, password: Secret::new(password.into_bytes()) })),
    }
}

fn host(text: &str, default_port: u16) -> Result<Host, InvalidAddress> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((name, port)) = rest.split_once(']') else { return wrong("a host has no closing ]") };
            match port.strip_prefix(':') {
                None if !port.is_empty() => return wrong("between a ] and the port a : is missing"),
                port => (name, port),
            }
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    if name.is_empty() {
        return wrong("a host is missing");
    }
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte) || !byte.is_ascii();
    if !name.bytes().all(is_of_host) {
        return wrong("a host has a character that no host has");
    }
    match port.map(str::parse) {
        None => Ok(Host { name: name.to_owned(), port: default_port }),
        Some(Ok(port)) if port > 0 => Ok(Host { name: name.to_owned(), port }),
        Some(_) => wrong(
            "a port is no number of 1 to 65535 (an IPv6 address has brackets, : and @ in a password are %3A and %40)",
        ),
    }
}

fn number_of_db(text: &str) -> Result<u32, InvalidAddress> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().or_else(|_| wrong("the database is no number"))
}

fn decoded(text: &str, part: &str) -> Result<String, InvalidAddress> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).or_else(|_| wrong(format!("{part} is not valid UTF-8")))
}

/// What stands after the `?`.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Result<Parameters, InvalidAddress> {
        let parameter = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            Ok((decoded(name, "a parameter")?, decoded(value, "a parameter")?))
        };
        query.split('&').filter(|text| !text.is_empty()).map(parameter).collect::<Result<_, _>>().map(Parameters)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// What is left is unknown, or was given twice.
    fn end(self) -> Result<(), InvalidAddress> {
        const KNOWN: &str = "ca, cert and key with TLS, sentinel_username and sentinel_password of sentinels, db, user \
                             and pass of a socket";
        if self.0.is_empty() {
            return Ok(());
        }
        wrong(format!("after the ? there is something unknown, or a parameter twice; known are {KNOWN}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Address {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    fn login(user: Option<&str>, password: &str) -> Option<Login> {
        Some(Login { user: user.map(str::to_owned), password: Secret::new(password.as_bytes()) })
    }

    #[test]
    fn one_server_by_tcp_with_or_without_tls() {
        let plain = Address { servers: Servers::One(host("h", 6379)), login: None, db: 0, tls: None };
        assert_eq!(
            (parse("redis://h"), parse("redis://h/"), parse("REDIS://h:6379/0")),
            (plain.clone(), plain.clone(), plain.clone())
        );
        assert_eq!(parse("redis://h/3"), Address { db: 3, ..plain.clone() });
        for (url, expected) in [
            ("redis://:p@h", login(None, "p")),
            ("redis://u:p@h", login(Some("u"), "p")),
            ("redis://u%3A1:p%40%2F%3a%23+1@h", login(Some("u:1"), "p@/:#+1")),
            ("redis://u:p@p:p@h", login(Some("u"), "p@p:p")),
            ("redis://:@h", None),
        ] {
            assert_eq!(parse(url), Address { login: expected, ..plain.clone() }, "{url}");
        }
        assert_eq!(parse("redis://[::1]:7").servers, Servers::One(host("::1", 7)));
        assert_eq!(parse("redis://[::1]").servers, Servers::One(host("::1", 6379)));
        assert_eq!(parse("rediss://h:1").tls, Some(TlsFiles::default()));
        let files = TlsFiles { ca: Some("/a b".into()), own: Some(("/c".into(), "/k".into())) };
        assert_eq!(parse("rediss://h:1?ca=/a%20b&cert=/c&key=/k").tls, Some(files));
    }

    #[test]
    fn a_socket_has_its_parameters_behind_the_path() {
        let address = parse("redis+unix:///run/a%20b.sock?db=2&user=u&pass=p%26");
        let servers = Servers::Unix("/run/a b.sock".into());
        assert_eq!(address, Address { servers, login: login(Some("u"), "p&"), db: 2, tls: None });
        assert_eq!(parse("unix:///s"), parse("redis+unix:///s"));
    }

    #[test]
    fn sentinels_have_a_master_and_a_login_of_their_own() {
        let address = parse("redis+sentinel://u:p@a,b:1,[::1]:2/main/4?sentinel_username=s&sentinel_password=q");
        let sentinels = vec![host("a", 26379), host("b", 1), host("::1", 2)];
        let servers = Servers::Sentinel { sentinels, master: "main".to_owned(), login: login(Some("s"), "q") };
        assert_eq!(address, Address { servers, login: login(Some("u"), "p"), db: 4, tls: None });
        assert_eq!(parse("rediss+sentinel://a/m?ca=/c").tls.and_then(|files| files.ca), Some("/c".into()));
    }

    #[test]
    fn a_cluster_has_some_of_its_servers() {
        let address = parse("redis+cluster://:p@a:7000,b");
        let servers = Servers::Cluster(vec![host("a", 7000), host("b", 6379)]);
        assert_eq!(address, Address { servers, login: login(None, "p"), db: 0, tls: None });
        assert_eq!(parse("rediss+cluster://a/0").tls, Some(TlsFiles::default()));
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_of_the_url_is_shown() {
        for (url, told) in [
            ("", "the scheme is missing"),
            ("s3cret@host", "the scheme is missing"),
            ("http://s3cret", "the scheme is unknown"),
            ("redis://", "a host is missing"),
            ("redis://u:s3cret@", "a host is missing"),
            ("redis://u:s3cret@:1", "a host is missing"),
            ("redis://u:s3cret@h:port", "a port is no number"),
            ("redis://h:0", "a port is no number"),
            ("redis://h:70000", "a port is no number"),
            ("redis://::1", "a host is missing"),
            ("redis://u:s3/cret@h", "there is a / in the password"),
            ("redis://u:s3#cret@h", "there is a #"),
            ("redis://u:s3?cret@h", "a port is no number"),
            ("redis://s3cret@h", "before the @ there must be USER:PASSWORD"),
            ("redis://s3cret:@h", "the user has no password"),
            ("redis://:s3cret%ff@h", "the password is not valid UTF-8"),
            ("redis://a,b", "there are several hosts"),
            ("redis://h/s3cret", "the database is no number"),
            ("redis://h/-1", "the database is no number"),
            ("redis://h?s3cret=1", "after the ? there is something unknown"),
            ("redis://h?ca=/s3cret", "after the ? there is something unknown"),
            ("rediss://h?ca=s3cret", "ca must be an absolute path"),
            ("rediss://h?cert=/s3cret", "cert and key belong together"),
            ("rediss://h?ca=/a&ca=/b", "after the ? there is something unknown, or a parameter twice"),
            ("redis://[s3cret", "a host has no closing ]"),
            ("redis://[::1]1", "between a ] and the port a : is missing"),
            ("redis://s3 cret", "a host has a character that no host has"),
            ("redis+unix://s3cret", "the path of the socket must be absolute"),
            ("redis+unix:///s?user=s3cret", "the user has no password"),
            ("redis+sentinel://a,b", "the name of the master is missing"),
            ("redis+sentinel://a,/m", "a host is missing"),
            ("redis+cluster://a/1", "a Redis Cluster has no other database"),
        ] {
            let error = url.parse::<Address>().expect_err(url).to_string();
            assert!(error.starts_with(told) && error.contains(": write redis://"), "{url}: {error}");
            assert!(!error.contains("s3") && !error.contains("cret"), "{url}: {error}");
            // Every output hides what looks like a login in a URL. The hint must stay as it is.
            assert_eq!(queue::text_without_secrets(&error), error, "{url}");
        }
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        for url in
            ["redis://u:s3cret@h", "redis+unix:///s?pass=s3cret", "redis+sentinel://a/m?sentinel_password=s3cret"]
        {
            assert!(!format!("{:?}", parse(url)).contains("s3cret"), "{url}");
        }
    }
}
