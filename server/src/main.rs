//! `fastapi-broadcaster`: arguments, logging, signals, exit code.

mod commands;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use queue::OpenError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::config::Settings;
use server::server::{BindError, STANDBY_INTERVAL, Server};
use server::signal::Signals;
use server::{Config, NoApplication};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::commands::{FailedCommand, QueueCommand};

/// Bad arguments, configuration or queue directory, as in sysexits.h.
const EX_USAGE: u8 = 64;

/// Drains a queue directory that PHP writes events to, and broadcasts them to every WebSocket client.
#[derive(Debug, Parser)]
#[command(name = "fastapi-broadcaster", version, after_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
    /// TOML file with the same keys as the flags, with underscores
    #[arg(long, short, value_name = "FILE", env = "FASTAPI_WS_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// How log lines on standard error look
    #[arg(long, value_name = "FORMAT", env = "FASTAPI_WS_LOG_FORMAT", default_value = "human")]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Looks after the entries that were no events
    #[command(subcommand)]
    Failed(FailedCommand),
    /// Looks at the queue directory
    #[command(subcommand)]
    Queue(QueueCommand),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

/// Files that are open beside the clients' sockets: the queue, epoll, inotify, wake-ups, standard streams.
const DESCRIPTORS_BESIDE_CLIENTS: u64 = 64;

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster --queue /var/lib/app/events
  fastapi-broadcaster --queue /var/lib/app/events --listen 0.0.0.0:8081 --log-format json
  WS_PORT=8090 fastapi-broadcaster --config /etc/fastapi-broadcaster.toml
  fastapi-broadcaster queue stat --queue /var/lib/app/events
  fastapi-broadcaster failed list --queue /var/lib/app/events

A flag wins over its environment variable, that over the file, that over the default.
RUST_LOG sets the log level: error, warn, info (default), debug, trace.
SIGTERM or SIGINT stops: clients receive what was read and close code 1001. A second signal exits at once.
Exit codes: 0 stopped, 64 bad arguments, configuration or queue directory, 1 any other failure.";

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let first = text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
            return fail(EX_USAGE, &format!("{} (see --help)", first.trim_start_matches("error: ")));
        }
        Err(help) => {
            // Nobody reads help from a closed pipe.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    match resolve(&args) {
        Ok(config) => match run(args, config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if matches!(error.downcast_ref(), Some(BindError::Queue(_))) => {
                fail(EX_USAGE, &format!("{error:#}"))
            }
            Err(error) => fail(1, &format!("{error:#}")),
        },
        Err(error) => fail(EX_USAGE, &format!("{error:#}")),
    }
}

fn resolve(args: &Args) -> anyhow::Result<Config> {
    let file = args.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
    let config = args.settings.clone().or(file).resolve()?;
    if config.queue.is_none() {
        anyhow::bail!(
            "no queue directory is given: set --queue DIR, FASTAPI_WS_QUEUE or `queue` in the configuration file"
        );
    }
    Ok(config)
}

fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let queue = config.queue.clone().unwrap_or_default();
    match args.command {
        None => serve(config, args.log_format),
        Some(Command::Failed(command)) => commands::failed(&queue, command),
        Some(Command::Queue(QueueCommand::Stat)) => commands::stat(&queue),
    }
}

fn serve(mut config: Config, log_format: LogFormat) -> anyhow::Result<()> {
    start_logging(log_format);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen to signals")?;
        let queue = config.queue.clone().unwrap_or_default();
        raise_descriptor_limit(config.admission.max_connections as u64);
        let server = loop {
            match Server::bind(config.clone(), |_| NoApplication) {
                Err(BindError::Queue(OpenError::Locked(_))) => {
                    if !std::mem::replace(&mut config.shares_port, true) {
                        info!(queue = %queue.display(), "another broadcaster owns the queue, waiting to take over");
                    }
                    tokio::select! {
                        signal = signals.next() => {
                            info!(signal, "stopped while waiting");
                            return Ok(());
                        }
                        () = tokio::time::sleep(STANDBY_INTERVAL) => {}
                    }
                }
                bound => break bound?,
            }
        };
        info!(address = %server.local_addr(), queue = %queue.display(), "listening");
        server.run(stop_on_signal(signals)).await?;
        info!("stopped");
        Ok(())
    })
}

/// Returns at the first signal. A second one ends the process at once: nothing waits for this task, since it waits for
/// nothing but that.
async fn stop_on_signal(mut signals: Signals) {
    let signal = signals.next().await;
    info!(signal, "stopping, a second signal exits at once");
    tokio::spawn(async move {
        let signal = signals.next().await;
        warn!(signal, "exiting at once");
        std::process::exit(1);
    });
}

/// Every client takes a descriptor, and the usual soft limit of 1,024 is for programs that use select().
fn raise_descriptor_limit(max_connections: u64) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = max_connections + DESCRIPTORS_BESIDE_CLIENTS;
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < reachable) {
        let raised = Rlimit { current: Some(reachable), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            warn!(%error, "cannot raise the limit of open files");
        }
    }
    if reachable < wanted {
        warn!(
            limit = reachable,
            wanted, "fewer files may be open than max_connections needs (LimitNOFILE, ulimit -Hn)"
        );
    }
}

fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Human => subscriber.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

fn fail(code: u8, problem: &str) -> ExitCode {
    // If standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "fastapi-broadcaster: {problem}");
    ExitCode::from(code)
}
