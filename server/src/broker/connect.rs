//! Finds the server that accepts writes, and connects to it.

use std::io;

use redis::{RedisError, Value};
use rustls::pki_types::ServerName;
use thiserror::Error;

use super::address::{Address, Host, Login, Servers};
use super::connection::Connection;
use super::failure::{Failure, FailureKind};
use super::socket::Socket;
use crate::tls::{self, TlsFileError};

/// How often a cluster may send us to another of its servers: once is normal, more often while it changes.
const MAX_MOVES: usize = 5;

/// Why there is no connection. No text has a secret.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    #[error("cannot connect to Redis at {server}: {cause}")]
    Unreachable { server: String, cause: io::Error },
    #[error("cannot agree on TLS with Redis at {server}: {cause}{}", hint(.cause))]
    Tls { server: String, cause: io::Error },
    #[error(
        "Redis at {server} closes the connection at once: if the port is one for TLS, the scheme begins with rediss"
    )]
    Closed { server: String },
    #[error("cannot use TLS for Redis: {0}")]
    TlsFiles(#[from] TlsFileError),
    #[error("cannot use Redis at {server}: {failure}")]
    Refused { server: String, failure: Failure },
    #[error(
        "the sentinel at {sentinel} does not know the master {master:?}: is that the name of its `sentinel monitor`?"
    )]
    UnknownMaster { sentinel: String, master: String },
    #[error("Redis at {server} is not the master that the sentinel at {sentinel} says it is")]
    NoMaster { server: String, sentinel: String },
    #[error("Redis at {server} sends us from server to server")]
    Moves { server: String },
    /// Each of several servers was asked.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Each(Vec<ConnectError>),
}

impl ConnectError {
    /// Whether a server has answered as Redis does.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, ConnectError::Refused { failure, .. } if failure.kind != FailureKind::Lost)
    }

    /// Whether a server has refused something for a reason of this kind.
    pub(super) fn has_kind(&self, kind: FailureKind) -> bool {
        match self {
            ConnectError::Refused { failure, .. } => failure.kind == kind,
            ConnectError::Each(errors) => errors.iter().any(|error| error.has_kind(kind)),
            _ => false,
        }
    }
}

/// What helps against the usual mistakes.
fn hint(cause: &io::Error) -> &'static str {
    use rustls::{CertificateError, Error};
    const NO_TLS: &str = " (is it a port without TLS? Then the scheme begins with redis)";
    // Redis takes the beginning of TLS for that of a command, and waits for its end.
    if cause.kind() == io::ErrorKind::TimedOut {
        return NO_TLS;
    }
    match cause.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "",
        Some(Error::InvalidCertificate(_)) => " (?ca=/FILE.pem in the URL names the authority that signed it)",
        Some(Error::InvalidMessage(_)) => NO_TLS,
        _ => "",
    }
}

/// Connects to the server that accepts writes to a key.
pub(crate) fn connect(address: &Address, key: &str) -> Result<Connection, ConnectError> {
    match &address.servers {
        Servers::One(host) => to_host(address, host, address.login.as_ref(), address.db),
        Servers::Unix(path) => {
            let server = path.display().to_string();
            let socket =
                Socket::unix(path).map_err(|cause| ConnectError::Unreachable { server: server.clone(), cause })?;
            logged_in(socket, server, address.login.as_ref(), address.db)
        }
        Servers::Sentinel { sentinels, master, login } => {
            first_of(sentinels, |sentinel| by_sentinel(address, sentinel, login.as_ref(), master))
        }
        Servers::Cluster(seeds) => first_of(seeds, |seed| by_seed(address, seed, key)),
    }
}

fn first_of(
    hosts: &[Host],
    connect: impl Fn(&Host) -> Result<Connection, ConnectError>,
) -> Result<Connection, ConnectError> {
    let mut errors = Vec::new();
    for host in hosts {
        match connect(host) {
            Ok(connection) => return Ok(connection),
            Err(error) => errors.push(error),
        }
    }
    Err(ConnectError::Each(errors))
}

fn by_sentinel(
    address: &Address,
    sentinel: &Host,
    login: Option<&Login>,
    master: &str,
) -> Result<Connection, ConnectError> {
    let mut asked = to_host(address, sentinel, login, 0)?;
    let sentinel = asked.server().to_owned();
    let refused = |server: &str, error: &RedisError| refused(server.to_owned(), error);
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let found: Option<(String, u16)> = question.query(&mut asked).map_err(|error| refused(&sentinel, &error))?;
    let Some((name, port)) = found else {
        return Err(ConnectError::UnknownMaster { sentinel, master: master.to_owned() });
    };
    let mut connection = to_host(address, &Host { name, port }, address.login.as_ref(), address.db)?;
    // A sentinel may not know yet that there was a failover.
    let role: Vec<Value> =
        redis::cmd("ROLE").query(&mut connection).map_err(|error| refused(connection.server(), &error))?;
    match role.first() {
        Some(Value::BulkString(role)) if role == b"master" => Ok(connection),
        _ => Err(ConnectError::NoMaster { server: connection.server().to_owned(), sentinel }),
    }
}

/// Asks for the key as a user of it does. So it needs no other rights, and a server that answers is the right one.
fn by_seed(address: &Address, seed: &Host, key: &str) -> Result<Connection, ConnectError> {
    let mut host = seed.clone();
    for _ in 0..MAX_MOVES {
        let mut connection = to_host(address, &host, address.login.as_ref(), address.db)?;
        let asked = redis::cmd("XRANGE").arg(key).arg("-").arg("+").arg("COUNT").arg(1).exec(&mut connection);
        let Err(error) = asked else { return Ok(connection) };
        host = match error.redirect_node() {
            Some((moved, _)) if error.code() == Some("MOVED") => {
                moved_to(moved, &host).ok_or_else(|| ConnectError::Moves { server: connection.server().to_owned() })?
            }
            _ => return Err(refused(connection.server().to_owned(), &error)),
        };
    }
    Err(ConnectError::Moves { server: seed.to_string() })
}

/// A server that does not know its own address leaves it out. Then it is the address at which it was asked.
fn moved_to(place: &str, asked: &Host) -> Option<Host> {
    let (name, port) = place.rsplit_once(':')?;
    let name = if name.is_empty() { &asked.name } else { name.trim_start_matches('[').trim_end_matches(']') };
    Some(Host { name: name.to_owned(), port: port.parse().ok()? })
}

fn to_host(address: &Address, host: &Host, login: Option<&Login>, db: u32) -> Result<Connection, ConnectError> {
    let config = address.tls.as_ref().map(tls::config).transpose()?;
    let server = host.to_string();
    let socket = Socket::tcp(host).map_err(|cause| ConnectError::Unreachable { server: server.clone(), cause })?;
    let socket = match config {
        None => Socket::Tcp(socket),
        Some(config) => {
            let name = ServerName::try_from(host.name.clone()).map_err(io::Error::other);
            let agreed = name.and_then(|name| Socket::tls(socket, name, config));
            agreed.map_err(|cause| ConnectError::Tls { server: server.clone(), cause })?
        }
    };
    logged_in(socket, server, login, db)
}

fn logged_in(socket: Socket, server: String, login: Option<&Login>, db: u32) -> Result<Connection, ConnectError> {
    let is_plain = matches!(socket, Socket::Tcp(_));
    Connection::log_in(socket, server.clone(), login, db).map_err(|error| {
        // A port for TLS closes the connection when it gets anything else.
        if is_plain && error.is_connection_dropped() {
            ConnectError::Closed { server }
        } else {
            refused(server, &error)
        }
    })
}

fn refused(server: String, error: &RedisError) -> ConnectError {
    ConnectError::Refused { server, failure: Failure::of(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    #[test]
    fn a_place_to_move_to_may_have_no_name() {
        let asked = host("a", 1);
        assert_eq!(moved_to("b:2", &asked), Some(host("b", 2)));
        assert_eq!(moved_to(":2", &asked), Some(host("a", 2)));
        assert_eq!(moved_to("::1:2", &asked), Some(host("::1", 2)));
        assert_eq!(moved_to("[::1]:2", &asked), Some(host("::1", 2)));
        assert_eq!(moved_to("b", &asked), None);
    }
}
