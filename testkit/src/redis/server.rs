//! One Redis server.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use redis::{FromRedisValue, Parser, RedisResult, Value};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use url::Url;

use super::options::{Kind, RedisOptions, User, Users};
use crate::certificate::Certificate;
use crate::process::Process;
use crate::queue_dir::temporary_directory;
use crate::reserved_port::ReservedPort;
use crate::wait::{TIMEOUT, until};

/// A server with a directory and ports of its own, which stay the same when it is killed and started again.
pub struct RedisServer {
    // Before the directory: fields are dropped in their order.
    process: Process,
    directory: TempDir,
    port: ReservedPort,
    /// Where the other nodes of a cluster reach it.
    bus: Option<ReservedPort>,
    tls: Option<(ReservedPort, Certificate)>,
    kind: Kind,
    users: Users,
}

impl RedisServer {
    /// Starts one without options, and blocks until it answers.
    pub fn start() -> RedisServer {
        RedisOptions::default().start()
    }

    pub(super) fn start_with(options: RedisOptions) -> RedisServer {
        let (kind, users) = (options.kind(), options.users().clone());
        let directory = temporary_directory();
        let port = ReservedPort::new();
        let bus = (kind == Kind::ClusterNode).then(ReservedPort::new);
        let tls = options.has_tls().then(|| (ReservedPort::new(), Certificate::new()));
        let mut options = options
            .set("bind", &["127.0.0.1"])
            .set("port", &[&port.number().to_string()])
            .set("dir", &[text(directory.path())])
            .set("unixsocket", &[text(&directory.path().join(SOCKET))])
            .set("save", &[""])
            // A replica is given all of the data at once, not after five seconds.
            .set("repl-diskless-sync-delay", &["0"])
            // A replica that lost its master asks it again each second.
            .set("repl-ping-replica-period", &["1"]);
        if let Some(bus) = &bus {
            let number = bus.number().to_string();
            options = options.set("cluster-enabled", &["yes"]).set("cluster-port", &[&number]);
        }
        if let Some((port, certificate)) = &tls {
            let [cert, key] = [certificate.path("cert.pem"), certificate.path("key.pem")];
            options = options
                .set("tls-port", &[&port.number().to_string()])
                .set("tls-cert-file", &[text(&cert)])
                .set("tls-key-file", &[text(&key)])
                .set("tls-ca-cert-file", &[text(&cert)])
                .set("tls-auth-clients", &["no"]);
        }
        fs::write(directory.path().join(CONFIGURATION), options.text()).unwrap();
        let process = spawn(directory.path(), kind);
        let mut server = RedisServer { process, directory, port, bus, tls, kind, users };
        server.await_answer();
        server
    }

    /// Where it listens without TLS.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL, with the user and password that clients need.
    pub fn url(&self) -> String {
        self.url_through(self.addr())
    }

    /// The same by another address, such as that of a proxy.
    pub fn url_through(&self, address: SocketAddr) -> String {
        self.with_user(&format!("redis://{address}"))
    }

    /// Its URL with TLS. Clients have to trust the certificate.
    pub fn tls_url(&self) -> String {
        self.tls_url_through(self.tls_addr())
    }

    /// The same by another address, such as that of a proxy.
    pub fn tls_url_through(&self, address: SocketAddr) -> String {
        self.with_user(&format!("rediss://{address}"))
    }

    /// Where it listens with TLS.
    pub fn tls_addr(&self) -> SocketAddr {
        self.tls.as_ref().expect("it has TLS").0.address()
    }

    /// The file with its certificate, which is its own authority.
    pub fn certificate(&self) -> PathBuf {
        self.tls.as_ref().expect("it has TLS").1.path("cert.pem")
    }

    /// The URL of its Unix socket.
    pub fn socket_url(&self) -> String {
        let mut url = Url::parse(&format!("redis+unix://{}", text(&self.socket()))).unwrap();
        if let Some(user) = &self.users.named {
            url.query_pairs_mut().append_pair("user", &user.name).append_pair("pass", &user.password);
        }
        url.into()
    }

    /// The path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join(SOCKET)
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The number of its process.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Its process, with what it printed.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The reply to a command, by the user who may do everything and past every proxy.
    pub fn command(&self, arguments: &[&str]) -> Value {
        self.query(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// The same as another type, and for a command that may fail.
    ///
    /// # Errors
    /// The server does not listen, or says that the command fails.
    pub fn query<T: FromRedisValue>(&self, arguments: &[&str]) -> RedisResult<T> {
        // Not by the crate's client, which sends commands of its own and waits for a paused server for ever.
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        if let Some(User { name, password }) = &self.users.admin {
            exchange(&mut stream, &["AUTH", name, password])?;
        }
        Ok(T::from_redis_value(exchange(&mut stream, arguments)?)?)
    }

    /// What `INFO` says of something, such as `connected_slaves`.
    pub fn info(&self, key: &str) -> Option<String> {
        let info: String = self.query(&["INFO"]).ok()?;
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    }

    /// Blocks until `INFO` says so.
    pub fn await_info(&self, key: &str, value: &str) {
        until(&format!("{key}:{value}"), || self.info(key).is_some_and(|found| found == value));
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after it was killed, at the same addresses and with the same directory. Blocks until it answers.
    pub fn start_again(&mut self) {
        assert!(self.has_exited(), "it still runs");
        self.process = spawn(self.directory.path(), self.kind);
        self.await_answer();
    }

    /// Whether it accepts connections, which it does also while it is paused.
    pub fn listens(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    /// Whether it has ended.
    pub fn has_exited(&mut self) -> bool {
        self.process.has_exited()
    }

    /// Stops its process without ending it: the system still accepts connections for it, and nothing is answered.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    pub(super) fn admin(&self) -> Option<&User> {
        self.users.admin.as_ref()
    }

    /// Where the other nodes of a cluster reach it.
    pub(super) fn bus(&self) -> u16 {
        self.bus.as_ref().expect("a node of a cluster").number()
    }

    fn with_user(&self, url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        if let Some(user) = &self.users.named {
            url.set_username(&user.name).unwrap();
            url.set_password(Some(&user.password)).unwrap();
        }
        url.into()
    }

    fn await_answer(&mut self) {
        until("redis-server answers", || {
            assert!(!self.process.has_exited(), "it ended: {:#?}", self.process.stdout());
            self.query::<Value>(&["PING"]).is_ok()
        });
    }
}

const CONFIGURATION: &str = "redis.conf";
const SOCKET: &str = "redis.sock";

fn spawn(directory: &Path, kind: Kind) -> Process {
    let mut command = Process::command(program());
    command.arg(directory.join(CONFIGURATION));
    if kind == Kind::Sentinel {
        command.arg("--sentinel");
    }
    Process::spawn(&mut command)
}

fn program() -> PathBuf {
    let find = Path::new(env!("CARGO_MANIFEST_DIR")).join("../setup/find");
    let found = Command::new(find).arg("redis-server").output().expect("setup/find runs");
    assert!(found.status.success(), "redis-server is missing: install it, or run `make setup`, which does");
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim_end())
}

fn exchange(stream: &mut UnixStream, arguments: &[&str]) -> RedisResult<Value> {
    let mut command = redis::Cmd::new();
    command.arg(arguments);
    stream.write_all(&command.get_packed_command())?;
    Parser::new().parse_value(Uninterrupted(stream))?.extract_error()
}

/// Linux interrupts reading with a time limit when the process is stopped and goes on.
struct Uninterrupted<'a>(&'a UnixStream);

impl Read for Uninterrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
