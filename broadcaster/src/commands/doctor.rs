//! `fastapi-broadcaster doctor`: looks at everything between PHP and a client, and says how to fix what is wrong.

mod address;
mod app;
mod broker;
mod finding;
mod fpm;
mod history;
mod hook;
mod journal;
mod producers;
mod round_trip;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use queue::{Backlog, Failed, Reader};
use rustix::fs::inotify;
use rustix::process::{Resource, getrlimit};
use server::Config;

use finding::Finding::{self, Bad, Good, Note};
use finding::Findings;

use crate::commands::listen::{self, ClientArgs};
use crate::config_file::ExposedSecret;
use crate::output::ago;
use crate::remedy::remedy;
use crate::serve::descriptors_beside_clients;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Also connect to this address, such as wss://example.com/ws, queue an event named doctor.ping, and wait for it
    /// there. It is for a channel that only the doctor has: no other client receives it. Without a queue it only connects
    #[arg(long, value_parser = listen::address)]
    url: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
    /// Address of php-fpm, as `listen` of its pool says: unix:/run/php/php8.2-fpm.sock, or 127.0.0.1:9000. It is asked
    /// which settings of the extension its workers have. Without it, sockets in /run/php and /run/php-fpm are asked
    #[arg(long, value_name = "ADDRESS", value_parser = fpm::Address::parse)]
    fpm: Vec<fpm::Address>,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster doctor --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster doctor --queue /var/lib/fastapi-broadcaster/queue --url wss://example.com/ws
  fastapi-broadcaster doctor --url wss://example.com/ws --token - <token
  fastapi-broadcaster doctor --queue /var/lib/fastapi-broadcaster/queue --fpm unix:/run/php/php8.2-fpm.sock
  fastapi-broadcaster doctor --json --config /etc/fastapi-broadcaster/config.toml | jq '.findings[] | select(.status == \"bad\")'
  sudo -u www-data PHP=php8.3 fastapi-broadcaster doctor --config /etc/fastapi-broadcaster/config.toml

The variable PHP names the PHP whose extension is looked at: a program, without arguments.

php-fpm is asked by a small script in a temporary file, which is deleted afterwards. All users can read it; it holds \
nothing but the questions.

With --json the keys are is_good (true if nothing is bad) and findings, a list of objects with of (what it is about, a \
fixed word such as queue, journal, php, fpm or round_trip), status (ok, note or bad), text, and remedy (null if there is \
none). The texts are for people and change; later versions may add keys and words.

Exit codes: 0 nothing is bad; 64 bad arguments or configuration; 1 something is bad.";

/// A backlog older than this is not being read.
const OLD_BACKLOG: Duration = Duration::from_secs(60);

pub(crate) fn run(
    config: &Config,
    queue: Option<&Path>,
    exposed: Option<&ExposedSecret>,
    arguments: DoctorArgs,
) -> anyhow::Result<()> {
    let DoctorArgs { url, client, fpm, json } = arguments;
    let client = client.read()?;
    let mut findings = Findings::default();
    if let Some(queue) = queue {
        of_queue(config, queue, exposed, &mut findings);
    }
    let round_trip = url.map(|url| round_trip::round_trip(config, queue, &url, client));
    if let Some(queue) = queue {
        let port = address::port(config);
        findings.add("open_files", [descriptors(config)]);
        // A broadcaster that sends events to the URL listens somewhere: only not where --listen says.
        if !matches!((&port, &round_trip), (Note(..), Some(Good(_)))) {
            findings.add("port", [port]);
        }
        findings.add("php", php_extension(queue, config));
    }
    findings.add("fpm", fpm::findings(&fpm, queue, config));
    findings.add("round_trip", round_trip);
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", findings.json())?;
    } else {
        findings.print(&mut out, io::stdout().is_terminal())?;
    }
    out.flush()?;
    if findings.has_bad() {
        bail!("something is wrong, see above");
    }
    Ok(())
}

/// Whether the doctor has something to look at without a queue.
pub(crate) fn needs_no_queue(arguments: &DoctorArgs) -> bool {
    arguments.url.is_some() || !arguments.fpm.is_empty()
}

fn of_queue(config: &Config, queue: &Path, exposed: Option<&ExposedSecret>, findings: &mut Findings) {
    findings.add("queue", [directory(queue, config.max_event_bytes)]);
    findings.add("configuration", exposed.map(|exposed| Note(exposed.to_string(), exposed.remedy())));
    // Without the right to look it could only guess.
    if fs::read_dir(queue).is_ok() {
        findings.add("broadcaster", [owner(queue)]);
        findings.add("backlog", [backlog(queue, config.max_event_bytes)]);
        findings.add("entries", [producers::entries(queue, config.max_event_bytes)]);
        findings.add("failed", [failed(queue)]);
        findings.add("inotify", [watch(queue)]);
        findings.add("journal", journal::findings(queue, config.max_event_bytes));
        findings.add("history", history::findings(config, queue));
    }
    findings.add("other_queues", producers::unread_queues(queue));
    findings.add("broker", config.broker.iter().flat_map(broker::findings));
    findings.add("hook", hook::findings(config));
    findings.add("application", app::findings(config));
}

fn directory(queue: &Path, max_event_bytes: u64) -> Finding {
    let shown = queue.display();
    let metadata = match fs::metadata(queue) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Bad(
                format!("queue directory {shown}: {error}"),
                "run the doctor as the broadcaster's user, by sudo -u".into(),
            );
        }
        Err(error) => {
            return Bad(
                format!("queue directory {shown}: {error}"),
                format!("install -d -o www-data -g www-data -m 2770 {shown}"),
            );
        }
    };
    let described = format!(
        "queue directory {shown}, mode {:o}, user {}, group {}",
        metadata.mode() & 0o7777,
        metadata.uid(),
        metadata.gid()
    );
    if metadata.mode() & 0o002 != 0 {
        return Bad(
            described,
            format!("every user can send events to all clients: {}", queue::remedy_of_open_to_all(queue)),
        );
    }
    if fs::read_dir(queue).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        return Bad(
            format!("{described}: this user has no right to list it"),
            format!(
                "run the doctor as the broadcaster's user, as in sudo -u '#{}' fastapi-broadcaster doctor --queue {shown}; if this \
                 is that user, let it join the directory's group",
                metadata.uid()
            ),
        );
    }
    if Reader::is_owned(queue) {
        return Good(described);
    }
    match Reader::check(queue, max_event_bytes) {
        Err(error) => Bad(format!("{described}: {error}"), remedy(&error, queue)),
        Ok(()) if metadata.mode() & 0o2020 == 0o020 => Note(
            format!("{described}, without the set-group-id bit"),
            format!("if php-fpm runs as another user: chmod g+s {shown}"),
        ),
        Ok(()) => Good(described),
    }
}

fn owner(queue: &Path) -> Finding {
    if Reader::is_owned(queue) {
        Good("a broadcaster reads the directory".into())
    } else {
        Note("no broadcaster reads the directory".into(), format!("fastapi-broadcaster --queue {}", queue.display()))
    }
}

fn backlog(queue: &Path, max_event_bytes: u64) -> Finding {
    match Backlog::of(queue, max_event_bytes) {
        Err(error) => Bad(format!("cannot list the entries: {error}"), "check the directory's owner and mode".into()),
        Ok(Backlog { oldest: Some(oldest), events, .. }) if oldest > OLD_BACKLOG => Bad(
            format!("{events} events wait, the oldest for {}", ago(oldest)),
            "see whether a broadcaster runs and what it logs; clients that read slowly hold it up for seconds only"
                .into(),
        ),
        Ok(Backlog { events, other_files: 0, .. }) => Good(format!("{events} events wait")),
        Ok(Backlog { events, other_files, .. }) => {
            Good(format!("{events} events wait, and other files ({other_files}) stay where they are"))
        }
    }
}

fn failed(queue: &Path) -> Finding {
    match Failed::open(queue).and_then(|folder| folder.map_or(Ok(Vec::new()), |folder| folder.list())) {
        Err(error) => Bad(error.to_string(), "check the owner and mode of failed/".into()),
        Ok(entries) if entries.is_empty() => Good("no entry has failed".into()),
        Ok(entries) => Note(
            format!("{} entries have failed, the last because: {}", entries.len(), entries[entries.len() - 1].reason),
            format!("fastapi-broadcaster failed list --queue {}", queue.display()),
        ),
    }
}

fn watch(queue: &Path) -> Finding {
    let watched = inotify::init(inotify::CreateFlags::CLOEXEC)
        .and_then(|inotify| inotify::add_watch(&inotify, queue, inotify::WatchFlags::CREATE));
    match watched {
        Ok(_) => {
            Good("the file system reports new events (inotify); network file systems only those of this machine".into())
        }
        Err(error) => Note(
            format!("the file system reports no new events: {error}. They are found by a timer, a little later"),
            "raise fs.inotify.max_user_instances and max_user_watches by sysctl".into(),
        ),
    }
}

fn descriptors(config: &Config) -> Finding {
    let wanted = config.admission.max_connections as u64 + descriptors_beside_clients(config);
    match getrlimit(Resource::Nofile).maximum {
        Some(maximum) if maximum < wanted => Note(
            format!(
                "only {maximum} files may be open, and max_connections = {} needs {wanted}",
                config.admission.max_connections
            ),
            format!("LimitNOFILE={wanted} in the unit, or a smaller max_connections (the limit is that of this shell)"),
        ),
        _ => Good(format!("{} clients fit into the limit of open files", config.admission.max_connections)),
    }
}

fn php_extension(queue: &Path, config: &Config) -> Vec<Finding> {
    let php = std::env::var_os("PHP").filter(|php| !php.is_empty()).unwrap_or_else(|| "php".into());
    let shown = php.display().to_string();
    match Command::new(&php).arg("-i").output() {
        Err(error) => {
            vec![Note(format!("cannot run {shown}: {error}"), "set PHP to the path of your php".into())]
        }
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let settings: Vec<&str> = text.lines().filter(|line| line.starts_with("fastapi_websocket.")).collect();
            if settings.is_empty() {
                let ini = text.lines().find(|line| line.starts_with("Loaded Configuration File")).unwrap_or("php.ini");
                return vec![Bad(
                    format!("{shown} has not loaded the extension fastapi_websocket ({ini})"),
                    "extension=fastapi_websocket.so in php.ini, for cli and fpm each, then restart php-fpm".into(),
                )];
            }
            let value = |name: &str| {
                let line = settings.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(" => "));
                line.and_then(|values| values.split(" => ").next())
            };
            let set = producers::PhpSettings {
                path: value("fastapi_websocket.path"),
                queue: value("fastapi_websocket.queue"),
                max_event_bytes: value("fastapi_websocket.max_event_bytes").and_then(|bytes| bytes.parse().ok()),
            };
            let loaded = Good(format!("{shown} (cli) has loaded the extension: {}", set.described()));
            std::iter::once(loaded).chain(set.findings(&shown, queue, config)).collect()
        }
    }
}
