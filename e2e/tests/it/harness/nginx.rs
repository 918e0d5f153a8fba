//! An nginx in front of it all: `/ws` goes to the broadcaster, `/api` to php-fpm.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use testkit::{Broadcaster, Process, free_address, temporary_directory};

use super::{Fpm, built};

pub(crate) struct Nginx {
    _master: Process,
    _directory: TempDir,
    address: SocketAddr,
}

impl Nginx {
    /// Starts it, and returns when it listens.
    pub(crate) async fn start(broadcaster: &Broadcaster, fpm: &Fpm) -> Nginx {
        Self::start_with(|address| server(address, broadcaster, fpm)).await
    }

    /// The same with what the function makes for an address, inside of `http {}`.
    pub(crate) async fn start_with(servers: impl Fn(SocketAddr) -> String) -> Nginx {
        // nginx cannot say which port the system chose, so a free one is looked for; until nginx listens, another
        // process may take it.
        for _ in 0..10 {
            let directory = temporary_directory();
            let address = free_address();
            let path = directory.path().join("nginx.conf");
            fs::write(&path, configuration(directory.path(), &servers(address))).unwrap();
            let mut command = Process::command(built::server_program("nginx"));
            let mut master = Process::spawn(command.arg("-e").arg("stderr").arg("-c").arg(path));
            // It says so once its sockets are bound.
            let started = |line: &str| {
                let taken = line.contains("Address already in use");
                (taken || line.contains("start worker process ")).then_some(!taken)
            };
            if master.line("it has started", started).await.expect("nginx starts") {
                return Nginx { _master: master, _directory: directory, address };
            }
        }
        panic!("nginx found each of ten free ports taken");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn configuration(directory: &Path, servers: &str) -> String {
    format!(
        "daemon off;
         pid {path}/pid;
         error_log stderr notice;
         events {{}}
         http {{
             access_log off;
             client_body_temp_path {path}/body;
             proxy_temp_path {path}/proxy;
             fastcgi_temp_path {path}/fastcgi;
             uwsgi_temp_path {path}/uwsgi;
             scgi_temp_path {path}/scgi;
             {servers}
         }}",
        path = directory.display(),
    )
}

fn server(address: SocketAddr, broadcaster: &Broadcaster, fpm: &Fpm) -> String {
    format!(
        "server {{
             listen {address};
             location /ws {{
                 proxy_pass http://{broadcaster};
                 proxy_http_version 1.1;
                 proxy_set_header Upgrade $http_upgrade;
                 proxy_set_header Connection upgrade;
                 proxy_set_header Host $host;
             }}
             location /api {{
                 {fpm}
             }}
         }}",
        broadcaster = broadcaster.address(),
        fpm = fpm.nginx_directives(),
    )
}
