//! The doctor's look at the hook: whether something listens at its address, and its script. It is not asked: what it
//! answers depends on the client.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use server::Config;
use server::hook_address::{Endpoint, HookAddress};

use super::address;
use super::finding::Finding::{self, Bad, Good, Note};

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let Some(hook) = HookAddress::of(config) else { return Vec::new() };
    let endpoint = hook.endpoint();
    let script = hook.script().filter(|_| is_here(endpoint));
    std::iter::once(listens(endpoint)).chain(script.map(can_be_read)).collect()
}

/// Whether it runs on this machine, as far as the address says.
fn is_here(endpoint: Endpoint<'_>) -> bool {
    match endpoint {
        Endpoint::Unix(_) => true,
        Endpoint::Tcp(host, _) => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn listens(endpoint: Endpoint<'_>) -> Finding {
    let (shown, connected) = match endpoint {
        Endpoint::Unix(path) => (path.display().to_string(), connect_to_socket(path)),
        Endpoint::Tcp(host, port) => {
            let host_and_port = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            (host_and_port, address::connect(host, port).map(drop))
        }
    };
    let Err(error) = connected else {
        return Good(format!("something listens at {shown}, where the hook is"));
    };
    let what = format!("the hook at {shown}: {error}");
    match (error.kind(), endpoint) {
        (ErrorKind::WouldBlock, _) => Note(
            format!("the hook at {shown}: all its workers are busy, and as many connections wait as may"),
            "raise pm.max_children and listen.backlog of the pool, or lower auth_hook_concurrency".into(),
        ),
        (ErrorKind::PermissionDenied, _) => Bad(
            what,
            "the broadcaster's user needs the group that `listen.group` of php-fpm's pool names; run the doctor as \
             that user, by sudo -u"
                .into(),
        ),
        (_, Endpoint::Unix(_)) => {
            Bad(what, "see that php-fpm runs, and `listen` of its pool: that path belongs into auth_hook".into())
        }
        (_, Endpoint::Tcp(..)) => {
            Bad(what, "see that the server of the hook runs, and host and port of auth_hook".into())
        }
    }
}

/// Does not wait: a socket whose backlog is full would let us wait for ever.
fn connect_to_socket(path: &Path) -> io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::AGAIN) => Err(ErrorKind::WouldBlock.into()),
        connected => Ok(connected?),
    }
}

/// What is not here may be in another container, or in the directory that php-fpm takes for the root.
fn can_be_read(script: &Path) -> Finding {
    let shown = script.display();
    match File::open(script).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => {
            Good(format!("the script of the hook, {shown}, can be read by this user"))
        }
        Ok(_) => Bad(format!("the script of the hook, {shown}, is no file"), "correct `script` in auth_hook".into()),
        Err(error) => Note(
            format!("the script of the hook, {shown}: {error}"),
            "php-fpm must find it and its user must be able to read it: correct `script` in auth_hook, or the modes, \
             unless php-fpm runs in another container or has a chroot"
                .into(),
        ),
    }
}
