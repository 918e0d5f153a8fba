//! A proxy in front of a broadcaster, of those that operators use beside nginx: each with a configuration of the test's
//! own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testkit::{Process, free_address, temporary_directory};

use super::{NOBODY, built};

pub(crate) struct Proxy {
    _process: Process,
    directory: TempDir,
    address: SocketAddr,
}

impl Proxy {
    /// Caddy with a site for the address.
    pub(crate) async fn caddy(site: impl Fn(SocketAddr) -> String) -> Proxy {
        let options = "{\n    admin off\n    auto_https off\n}\n";
        let configure = |address: SocketAddr, _: &Path| format!("{options}{}", site(address));
        let command = |directory: &Path, config: &Path| {
            let mut command = Process::command(built::server_program("caddy"));
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config).env("HOME", directory);
            command
        };
        Self::start(configure, command, &["serving initial configuration"], &["address already in use"]).await
    }

    /// HAProxy with sections for the address. None where it is not installed.
    pub(crate) async fn haproxy(sections: impl Fn(SocketAddr) -> String) -> Option<Proxy> {
        let program = built::optional_server_program("haproxy")?;
        let configure = |address: SocketAddr, directory: &Path| {
            let socket = directory.join("stats");
            format!(
                "global\n    stats socket {}\n    log stderr format raw local0\n{}",
                socket.display(),
                sections(address)
            )
        };
        let command = |_: &Path, config: &Path| {
            let mut command = Process::command(&program);
            // As a master with one worker: it says when that is ready.
            command.args(["-W", "-db", "-f"]).arg(config);
            command
        };
        let taken = ["Address already in use", "cannot bind socket"];
        Some(Self::start(configure, command, &["Loading success", "is ready"], &taken).await)
    }

    /// Apache with a virtual host for the address. None where it is not installed.
    pub(crate) async fn apache(host: impl Fn(SocketAddr) -> String) -> Option<Proxy> {
        let program = built::optional_server_program("apache2")?;
        let modules = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"].map(PathBuf::from);
        let modules = modules.into_iter().find(|directory| directory.exists()).expect("modules of Apache");
        let configure = |address: SocketAddr, directory: &Path| {
            let mut config = format!(
                "ServerRoot {path}\nPidFile {path}/pid\nListen {address}\nServerName localhost\nErrorLog /dev/stderr\n\
                 LogLevel notice\nMutex file:{path}\n",
                path = directory.display(),
            );
            // A name or number that exists everywhere; not root's own.
            config += &format!("<IfModule unixd_module>\nUser #{NOBODY}\nGroup #{NOBODY}\n</IfModule>\n");
            for module in ["mpm_event", "authz_core", "proxy", "proxy_http"] {
                let file = modules.join(format!("mod_{module}.so"));
                config += &format!("LoadModule {module}_module {}\n", file.display());
            }
            config + &host(address)
        };
        let command = |_: &Path, config: &Path| {
            let mut command = Process::command(&program);
            command.arg("-DFOREGROUND").arg("-f").arg(config);
            command
        };
        let taken = ["Address already in use"];
        Some(Self::start(configure, command, &["resuming normal operations"], &taken).await)
    }

    /// Starts it, and returns when it says that it serves. Free ports may be taken by others until then.
    async fn start(
        configure: impl Fn(SocketAddr, &Path) -> String,
        command: impl Fn(&Path, &Path) -> Command,
        serves: &[&str],
        taken: &[&str],
    ) -> Proxy {
        let mut said = Vec::new();
        for _ in 0..10 {
            let directory = temporary_directory();
            let address = free_address();
            let config = directory.path().join("config");
            fs::write(&config, configure(address, directory.path())).unwrap();
            let mut process = Process::spawn(&mut command(directory.path(), &config));
            let has = |line: &str, texts: &[&str]| texts.iter().any(|text| line.contains(text));
            let started = |line: &str| (has(line, serves) || has(line, taken)).then(|| has(line, serves));
            if process.line("it serves", started).await.expect("the proxy starts") {
                return Proxy { _process: process, directory, address };
            }
            said = process.stderr();
        }
        panic!("a proxy found each of ten free ports taken: {said:#?}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A file of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
