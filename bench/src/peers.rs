//! Foreign servers from distributions and registries, each configured to do the same work.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::client::Manner;
use crate::lanes::{LANES, Protocol};
use crate::machine::Cores;
use crate::process::Process;
use crate::pusher;
use crate::redis::{self, free_address};

/// The programs that peers need. Peers without theirs are left out.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Programs {
    #[arg(long, env = "NGINX", help = "nginx; the tables that need it are left out without")]
    pub(crate) nginx: Option<String>,
    /// The nchan module of that nginx
    #[arg(long, env = "NCHAN_MODULE", value_name = "FILE")]
    nchan_module: Option<PathBuf>,
    #[arg(long, env = "NATS_SERVER", help = "nats-server")]
    nats_server: Option<String>,
    #[arg(long, env = "REDIS_SERVER", help = "redis-server")]
    pub(crate) redis_server: Option<String>,
    #[arg(long, env = "NODE", help = "Node")]
    node: Option<String>,
    /// The folder of Node modules that has `ws`
    #[arg(long, env = "WS_MODULES", value_name = "DIR")]
    ws_modules: Option<PathBuf>,
    #[arg(long, env = "BUN", help = "Bun, which has uWebSockets")]
    bun: Option<PathBuf>,
    #[arg(long, env = "SOCKUDO", help = "Sockudo with its Redis adapter")]
    sockudo: Option<PathBuf>,
    /// The folder of the peers' scripts
    #[arg(long, default_value = "bench/peers", value_name = "DIR")]
    peer_scripts: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Bun,
    Nats,
    Nchan,
    Ws,
    RedisAndWs,
}

impl Peer {
    pub(crate) const ALL: [Peer; 5] = [Peer::Bun, Peer::Nats, Peer::Nchan, Peer::Ws, Peer::RedisAndWs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Bun => "uWebSockets in Bun",
            Peer::Nats => "nats-server over WebSocket",
            Peer::Nchan => "nginx with nchan",
            Peer::Ws => "Node with ws",
            Peer::RedisAndWs => "Redis pub/sub and Node with ws",
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Peer::Nats => Protocol::Nats,
            Peer::Nchan => Protocol::Http,
            Peer::Bun | Peer::Ws => Protocol::Lines,
            Peer::RedisAndWs => Protocol::Redis,
        }
    }

    pub(crate) fn manner(self) -> Manner {
        Manner { lanes: LANES, nats: self == Peer::Nats, ..Manner::default() }
    }

    /// Starts it on the server's core, with its files in `home`. None if it is not installed.
    pub(crate) fn start(self, cores: Cores, programs: &Programs, home: &Path) -> anyhow::Result<Option<Process>> {
        match self {
            Peer::Bun => programs.bun.as_ref().map(|program| {
                Process::announced(cores, Command::new(program).arg(programs.peer_scripts.join("bun.js")))
            }),
            Peer::Nats => programs.nats_server.as_ref().map(|program| nats(cores, program, home)),
            Peer::Nchan => programs
                .nginx
                .as_ref()
                .zip(programs.nchan_module.as_ref())
                .map(|(program, module)| nchan(cores, program, module, home)),
            Peer::Ws => programs.ws().map(|mut node| Process::announced(cores, &mut node)),
            Peer::RedisAndWs => programs
                .redis_server
                .as_ref()
                .zip(programs.ws())
                .map(|(program, node)| redis_and_ws(cores, program, node, home)),
        }
        .transpose()
        .with_context(|| format!("{} does not start", self.name()))
    }
}

impl Programs {
    /// Node with our script for `ws`.
    pub(crate) fn ws(&self) -> Option<Command> {
        let mut command = Command::new(self.node.as_ref()?);
        command.arg(self.peer_scripts.join("ws.js")).env("NODE_PATH", self.ws_modules.as_ref()?);
        Some(command)
    }

    /// Node with our script for `ws` that speaks the Pusher protocol.
    pub(crate) fn node_pusher(&self) -> Option<Command> {
        let mut command = Command::new(self.node.as_ref()?);
        command.arg(self.peer_scripts.join("pusher.js")).env("NODE_PATH", self.ws_modules.as_ref()?);
        Some(command)
    }
}

/// Sockudo without what others do not do either: limits of the rate, and metrics. Several of them need a Redis.
pub(crate) fn sockudo(
    cores: Cores,
    programs: &Programs,
    redis: Option<&Process>,
    home: &Path,
) -> anyhow::Result<Option<Process>> {
    let Some(program) = &programs.sockudo else { return Ok(None) };
    let address = free_address()?;
    let mut command = Command::new(program);
    command.current_dir(home).env("HOST", "127.0.0.1").env("PORT", address.port().to_string());
    if let Some(redis) = redis {
        command.env("ADAPTER_DRIVER", "redis").env("CACHE_DRIVER", "redis").env("DATABASE_REDIS_HOST", "127.0.0.1");
        command.env("DATABASE_REDIS_PORT", redis.address.port().to_string());
    } else {
        command.env("ADAPTER_DRIVER", "local").env("CACHE_DRIVER", "memory");
    }
    for limit in ["BACKEND_EVENTS_PER_SECOND", "READ_REQUESTS_PER_SECOND", "PRESENCE_MEMBERS_PER_CHANNEL"] {
        command.env(format!("SOCKUDO_DEFAULT_APP_MAX_{limit}"), "10000000");
    }
    command.env("SOCKUDO_DEFAULT_APP_ID", pusher::APP).env("SOCKUDO_DEFAULT_APP_KEY", pusher::KEY);
    command.env("SOCKUDO_DEFAULT_APP_SECRET", pusher::SECRET).env("SOCKUDO_DEFAULT_APP_MAX_CONNECTIONS", "100000");
    command.env("RATE_LIMITER_ENABLED", "false").env("METRICS_ENABLED", "false");
    Process::listening_on(cores, &mut command, address, address).map(Some)
}

fn nats(cores: Cores, program: &str, home: &Path) -> anyhow::Result<Process> {
    let (clients, feed) = (free_address()?, free_address()?);
    let config =
        format!("listen: \"{feed}\"\nwebsocket {{ listen: \"{clients}\", no_tls: true, compression: false }}\n");
    let path = home.join("nats.conf");
    std::fs::write(&path, config)?;
    Process::listening_on(cores, Command::new(program).arg("-c").arg(path), clients, feed)
}

fn nchan(cores: Cores, program: &str, module: &Path, home: &Path) -> anyhow::Result<Process> {
    let address = free_address()?;
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    // Without a master it is one process, which is enough for one core.
    let config = format!(
        "{user}load_module {module};\ndaemon off;\nmaster_process off;\npid {home}/nginx.pid;\n\
         error_log {home}/nginx.log;\nevents {{ worker_connections 19000; }}\nhttp {{\n access_log off;\n \
         keepalive_requests 1000000000;\n client_body_temp_path {home}/body;\n proxy_temp_path {home}/proxy;\n \
         fastcgi_temp_path {home}/fastcgi;\n uwsgi_temp_path {home}/uwsgi;\n scgi_temp_path {home}/scgi;\n \
         server {{\n  listen {address} backlog=4096;\n  \
         location /bench {{ nchan_subscriber websocket eventsource; nchan_channel_id bench; }}\n  \
         location /publish {{ nchan_publisher; nchan_channel_id bench; nchan_store_messages off; }}\n }}\n}}\n",
        module = module.display(),
        home = home.display(),
    );
    let path = home.join("nginx.conf");
    std::fs::write(&path, config)?;
    Process::listening_on(
        cores,
        Command::new(program).arg("-e").arg(home.join("nginx.log")).arg("-c").arg(path),
        address,
        address,
    )
}

fn redis_and_ws(cores: Cores, program: &str, mut node: Command, home: &Path) -> anyhow::Result<Process> {
    let redis = redis::start(cores, program, home)?;
    node.arg(redis.address.port().to_string());
    Ok(Process::announced(cores, &mut node)?.fed_by(redis))
}
