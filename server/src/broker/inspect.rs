//! A look at Redis for people: whether it is fit for the stream, and whether it lets us do what is needed. It changes
//! nothing there.

mod info;
mod rights;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use redis::{Cmd, ConnectionLike, FromRedisValue, Value, cmd};
use thiserror::Error;

use super::address::{Address, Servers};
use super::connect::{ConnectError, connect};
use super::connection::Connection;
use super::failure::{Failure, FailureKind};
use super::options::BrokerOptions;
use super::redis_stream::RedisStream;

use info::Mode;

pub use info::{Memory, Saving, Software};
pub use rights::Refusal;

/// How many answers are timed: so many that a single slow one does not change the median.
const PINGS: usize = 20;

/// What was seen, or why it could not be.
pub type Seen<T> = Result<T, String>;

/// What a look at Redis shows.
#[derive(Debug)]
pub struct BrokerReport {
    /// Where the server is that was looked at: it accepts writes to the stream.
    pub server: String,
    /// Which program it is.
    pub software: Seen<Software>,
    /// How the scheme of the URL does not fit the server, if it does not.
    pub unfit_scheme: Option<UnfitScheme>,
    /// How much memory it has.
    pub memory: Seen<Memory>,
    /// What it writes to disk.
    pub saving: Seen<Saving>,
    /// Replicas that have all data.
    pub replicas: Seen<u32>,
    /// How long an answer takes: the median.
    pub latency: Seen<Duration>,
    /// By how much its clock differs from ours.
    pub clock_difference: Seen<Duration>,
    /// What is in the stream.
    pub stream: Seen<StreamReport>,
    /// What the broadcaster needs and cannot do.
    pub refusals: Vec<Refusal>,
    /// Commands that its user may not use and that nothing depends on.
    pub refused_extras: Vec<&'static str>,
    /// The rights that its user needs, as arguments of `ACL SETUSER` for a shell.
    pub rights: String,
}

/// How the scheme of the URL does not fit the server. It works all the same, for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfitScheme {
    /// It is for a cluster, and the server is of none.
    NoCluster,
    /// It is for one server, and the server is of a cluster.
    Cluster,
}

/// What is in the stream.
#[derive(Debug)]
pub struct StreamReport {
    /// How many entries there are.
    pub entries: u64,
    /// Bytes of memory that they take.
    pub bytes: Seen<u64>,
    /// The age of the oldest.
    pub oldest: Option<Duration>,
}

/// Why nothing can be seen.
#[derive(Debug, Error)]
#[error("{cause}")]
pub struct InspectError {
    cause: Cause,
    /// What is to be looked at.
    pub remedy: Remedy,
}

/// What is to be looked at when there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Redis, and its address.
    Server,
    /// User and password. The user needs these rights, as arguments of `ACL SETUSER` for a shell.
    Login(String),
    /// These rights of the user.
    Rights(String),
    /// The files of TLS that the URL names.
    TlsFiles,
    /// The scheme of the URL: it is a Sentinel that answers.
    Sentinel,
}

#[derive(Debug, Error)]
enum Cause {
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("what answers at {0} is a Sentinel, which has no data, and broker.url is for Redis itself")]
    Sentinel(String),
    #[error("Redis at {server}: {failure}")]
    Lost { server: String, failure: Failure },
}

/// Connects to Redis as the broadcaster does, and looks at it.
///
/// # Errors
/// When there is no connection, or it breaks.
pub fn inspect(options: &BrokerOptions) -> Result<BrokerReport, InspectError> {
    let rights = rights::needed(options);
    let connected = connect(&options.address, &options.stream_key());
    if connected.as_ref().map_or_else(ConnectError::is_answer, |_| true)
        && let Some(server) = sentinel(options)
    {
        return Err(InspectError { cause: Cause::Sentinel(server), remedy: Remedy::Sentinel });
    }
    let connection = connected.map_err(|error| {
        let remedy = remedy(&error, &rights);
        InspectError { cause: error.into(), remedy }
    })?;
    let mut look = Look { connection };
    look.at(options, rights).map_err(|failure| {
        let server = look.connection.server().to_owned();
        InspectError { cause: Cause::Lost { server, failure }, remedy: Remedy::Server }
    })
}

/// The Sentinel that answers where Redis should, if one does. It is asked without a login: the user of the URL is one
/// of Redis, which Sentinels do not know.
fn sentinel(options: &BrokerOptions) -> Option<String> {
    if !matches!(options.address.servers, Servers::One(_) | Servers::Unix(_)) {
        return None;
    }
    let address = Address { login: None, db: 0, ..options.address.clone() };
    let mut look = Look { connection: connect(&address, &options.stream_key()).ok()? };
    let mode = info::mode(&look.hello().ok()?);
    (mode == Some(Mode::Sentinel)).then(|| look.connection.server().to_owned())
}

fn remedy(error: &ConnectError, rights: &str) -> Remedy {
    if error.has_kind(FailureKind::Login) {
        Remedy::Login(rights.to_owned())
    } else if error.has_kind(FailureKind::Permission) {
        Remedy::Rights(rights.to_owned())
    } else if matches!(error, ConnectError::TlsFiles(_)) {
        Remedy::TlsFiles
    } else {
        Remedy::Server
    }
}

/// Asks one server. An error is the end of the connection.
struct Look {
    connection: Connection,
}

impl Look {
    fn at(&mut self, options: &BrokerOptions, rights: String) -> Result<BrokerReport, Failure> {
        let (hello, info) = (self.hello()?, self.ask::<String>(&mut cmd("INFO"))?);
        let mode = info::mode(&hello);
        let saving = match &info {
            Ok(info) => Ok(self.saving(info)?),
            Err(reason) => Err(reason.clone()),
        };
        let server_time = self.server_time()?;
        let stream = self.stream(options, server_time.as_ref().ok())?;
        Ok(BrokerReport {
            server: self.connection.server().to_owned(),
            software: Software::of(hello, &info),
            unfit_scheme: unfit_scheme(&options.address.servers, mode),
            memory: info.clone().and_then(|info| Memory::of(&info)),
            saving,
            replicas: info.map(|info| info::replicas(&info)),
            latency: self.latency()?,
            clock_difference: server_time.map(|time| time.difference),
            stream,
            refused_extras: self.refused_extras()?,
            // The last, because it may leave the connection in a transaction.
            refusals: self.refusals(options)?,
            rights,
        })
    }

    /// What a command answers, or why it does not.
    fn ask<T: FromRedisValue>(&mut self, command: &mut Cmd) -> Result<Seen<T>, Failure> {
        command.query(&mut self.connection).map_or_else(
            |error| match Failure::of(&error) {
                failure if failure.kind == FailureKind::Lost && !self.connection.is_open() => Err(failure),
                failure => Ok(Err(failure.to_string())),
            },
            |answer| Ok(Ok(answer)),
        )
    }

    /// Which server it is. This needs no rights.
    fn hello(&mut self) -> Result<Seen<HashMap<String, Value>>, Failure> {
        self.ask(cmd("HELLO").arg(2))
    }

    /// What is written to disk is partly in `INFO`, and partly in the configuration.
    fn saving(&mut self, info: &str) -> Result<Saving, Failure> {
        let mut setting = |name: &str| -> Result<Seen<String>, Failure> {
            let found: Seen<Vec<String>> = self.ask(cmd("CONFIG").arg("GET").arg(name))?;
            Ok(found.map(|found| found.into_iter().nth(1).unwrap_or_default()))
        };
        Ok(Saving {
            is_append_only: info::value(info, "aof_enabled") == Some("1"),
            syncs: setting("appendfsync")?,
            snapshots: setting("save")?.map(|times| !times.is_empty()),
        })
    }

    fn latency(&mut self) -> Result<Seen<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..PINGS {
            let began = Instant::now();
            if let Err(reason) = self.ask::<Value>(&mut cmd("PING"))? {
                return Ok(Err(reason));
            }
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Ok(Ok(times[PINGS / 2]))
    }

    fn server_time(&mut self) -> Result<Seen<ServerTime>, Failure> {
        let (before, began) = (SystemTime::now(), Instant::now());
        let answer: Seen<(u64, u64)> = self.ask(&mut cmd("TIME"))?;
        // The server read its clock between the question and the answer.
        let ours = before + began.elapsed() / 2;
        Ok(answer.map(|(seconds, micros)| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros);
            let difference = now.duration_since(ours).unwrap_or_else(|earlier| earlier.duration());
            ServerTime { now, difference }
        }))
    }

    fn stream(
        &mut self,
        options: &BrokerOptions,
        server_time: Option<&ServerTime>,
    ) -> Result<Seen<StreamReport>, Failure> {
        let key = options.stream_key();
        let entries = match self.ask(cmd("XLEN").arg(&key))? {
            Ok(entries) => entries,
            Err(reason) => return Ok(Err(reason)),
        };
        let bytes: Seen<Option<u64>> = self.ask(cmd("MEMORY").arg("USAGE").arg(&key))?;
        // Entries are named by the server's clock.
        let now = server_time.map_or_else(SystemTime::now, |time| time.now);
        let oldest = RedisStream::new(options).oldest(&mut self.connection).ok().flatten().map(|entry| {
            let added = SystemTime::UNIX_EPOCH + Duration::from_millis(entry.id.place.millis);
            now.duration_since(added).unwrap_or_default()
        });
        Ok(Ok(StreamReport { entries, bytes: bytes.map(Option::unwrap_or_default), oldest }))
    }

    fn refused_extras(&mut self) -> Result<Vec<&'static str>, Failure> {
        let mut refused = Vec::new();
        for (name, trial) in rights::extra_trials() {
            match trial.run(&mut self.connection) {
                Some(refusal) if !self.connection.is_open() => return Err(refusal.into_failure()),
                Some(refusal) if refusal.is_about_rights() => refused.push(name),
                _ => {}
            }
        }
        Ok(refused)
    }

    fn refusals(&mut self, options: &BrokerOptions) -> Result<Vec<Refusal>, Failure> {
        let mut refusals = Vec::new();
        for trial in rights::trials(options) {
            match trial.run(&mut self.connection) {
                Some(refusal) if !self.connection.is_open() => return Err(refusal.into_failure()),
                refusal => refusals.extend(refusal),
            }
        }
        Ok(refusals)
    }
}

fn unfit_scheme(servers: &Servers, mode: Option<Mode>) -> Option<UnfitScheme> {
    match (servers, mode?) {
        (Servers::Cluster(_), Mode::Standalone) => Some(UnfitScheme::NoCluster),
        (Servers::One(_) | Servers::Unix(_), Mode::Cluster) => Some(UnfitScheme::Cluster),
        _ => None,
    }
}

/// The server's clock.
struct ServerTime {
    now: SystemTime,
    difference: Duration,
}
