//! The command line.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::admin::{self, AdminArgs};
use crate::commands::config::{self, ConfigCommand};
use crate::commands::doctor::DoctorArgs;
use crate::commands::failed::{self, FailedCommand};
use crate::commands::generate::{self, GenerateCommand};
use crate::commands::history::{self, HistoryCommand};
use crate::commands::listen::ListenArgs;
use crate::commands::publish::PublishArgs;
use crate::commands::queue::{self, QueueCommand};
use crate::commands::token::{self, TokenCommand};
use crate::environment;
use crate::options::Options;

/// Drains a queue directory that PHP writes events to, and sends each to all WebSocket clients, or to those of its channels.
#[derive(Debug, Parser)]
#[command(name = "fastapi-broadcaster", version = VERSION, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Options,
    /// TOML file with the same keys as the flags, with underscores
    #[arg(long, short, value_name = "FILE", env = "FASTAPI_WS_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// What is to be said of variables that were ignored
    #[arg(skip)]
    pub(crate) warnings: Vec<String>,
}

impl Args {
    /// Parses the command line and the environment.
    pub(crate) fn from_process() -> Result<Args, clap::Error> {
        let command = with_negative_numbers(Args::documented());
        let unknown = environment::unknown_variables(&command, std::env::vars_os());
        // Nothing has to be given, so which command it is can be seen without any variable.
        let given = environment::without_variables(command.clone(), |_| true).try_get_matches();
        let name = given.as_ref().ok().and_then(|matches| matches.subcommand_name());
        let command = environment::without_variables(command, |option| ignores(name, option));
        let (mut command, foreign) = environment::without_foreign_variables(command);
        let matches = command
            .try_get_matches_from_mut(std::env::args_os())
            .map_err(|error| environment::with_variable(error, &command, std::env::args_os()))?;
        let mut args = Args::from_arg_matches(&matches)?;
        args.warnings = foreign.iter().map(ToString::to_string).chain(unknown).collect();
        // --host and --port have lower precedence than --listen, but a higher one than a variable.
        let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        if (given("host") || given("port")) && !given("listen") {
            args.settings.settings.listen = None;
        }
        Ok(args)
    }

    /// The command line as its help shows it. Every command takes all options, before its name or after it, so that a
    /// script can give the same to each; those that mean nothing to one are not in its help.
    pub(crate) fn documented() -> clap::Command {
        let command = Args::command().mut_args(|arg| arg.global(true));
        let options: Vec<clap::Arg> = command.get_arguments().cloned().collect();
        let command = command.mut_subcommands(|subcommand| {
            let shown = options_of(subcommand.get_name());
            let hidden = options.iter().filter(|arg| !shown.contains(&arg.get_id().as_str()));
            let hidden: Vec<clap::Arg> = hidden.map(|arg| arg.clone().hide(true)).collect();
            let subcommand = subcommand.args(hidden);
            if subcommand.get_name() != "publish" {
                return subcommand;
            }
            let queue = options.iter().filter(|arg| arg.get_id() == "queue").cloned();
            subcommand.args(queue.map(|queue| queue.help(QUEUE_OF_PUBLISH)))
        });
        let is_main = |arg: &clap::Arg| arg.get_short().is_some() || MAIN.contains(&arg.get_id().as_str());
        with_short_help(command.mut_args(|arg| {
            let is_main = is_main(&arg);
            arg.hide_short_help(!is_main)
        }))
    }
}

/// The settings that `-h` shows; `--help` shows all.
const MAIN: [&str; 4] = ["allowed_origins", "token_secret_file", "admin_listen", "log_level"];

/// `-h` is to fit on a screen: the first sentence of each text, and no examples. `--help` and the man pages have all.
fn with_short_help(command: clap::Command) -> clap::Command {
    let all = command.get_after_help().cloned().unwrap_or_default();
    let command = command.after_long_help(all).after_help("Examples, and more about all of this: --help");
    let command = command.mut_args(|arg| {
        // Most of those of a command are hidden, and no help shows them.
        if arg.is_hide_set() {
            return arg;
        }
        let Some(help) = arg.get_help().map(ToString::to_string) else { return arg };
        match first_sentence(&help) {
            Some(short) => arg.help(short).long_help(help),
            None => arg,
        }
    });
    command.mut_subcommands(with_short_help)
}

/// The first sentence of a text that has several, with the default behind the last one.
fn first_sentence(text: &str) -> Option<String> {
    let ends = text.match_indices(". ").find(|(at, _)| text[at + 2..].starts_with(|next: char| next.is_uppercase()));
    let (end, _) = ends?;
    let default = text.rfind(" [default: ").map_or("", |at| &text[at..]);
    Some(format!("{}{default}", &text[..end]))
}

const QUEUE_OF_PUBLISH: &str = "Queue directory. If it is missing it is created (mode 2770), as queueEvent() does";

/// The options that the help of a command tells.
fn options_of(command: &str) -> &'static [&'static str] {
    match command {
        "doctor" => &["queue", "listen", "history_dir", "config"],
        "config" => &["queue", "listen", "config"],
        "admin" => &["admin_listen", "admin_token_file", "config"],
        "history" => &["queue", "history_dir", "config"],
        "token" => &["token_secret_file", "token_public_key_file", "token_audience", "token_issuer", "config"],
        // Its own, see above.
        "publish" | "failed" | "queue" => &["queue", "config"],
        _ => &[],
    }
}

/// Whether a command ignores the variable of an option, whatever its value is. The other variables are checked
/// together: one may need another.
fn ignores(command: Option<&str>, option: &str) -> bool {
    match command {
        // A token is no setting: it is this command's own.
        Some("listen") => option != "token",
        Some("generate") => true,
        Some("admin" | "publish" | "failed" | "queue" | "history") => ["listen", "host", "port"].contains(&option),
        _ => false,
    }
}

/// Takes `-1` for the value that it is meant as: a payload, or a number out of range, and not an argument that nobody
/// knows.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let allow = |arg: clap::Arg| {
        let takes_values = arg.get_action().takes_values();
        arg.allow_negative_numbers(takes_values)
    };
    command.mut_args(allow).mut_subcommands(with_negative_numbers)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists, shows, retries or deletes failed entries
    #[command(subcommand, after_help = failed::EXAMPLES)]
    Failed(FailedCommand),
    /// Looks at the queue: what waits there
    #[command(subcommand, after_help = queue::EXAMPLES)]
    Queue(QueueCommand),
    /// Looks at the history log, or deletes it
    #[command(subcommand, after_help = history::EXAMPLES)]
    History(HistoryCommand),
    /// Asks a broadcaster that runs: publishes, disconnects, unsubscribes, lists channels, prints its status
    #[command(after_help = admin::EXAMPLES)]
    Admin(AdminArgs),
    /// Queues an event
    Publish(PublishArgs),
    /// Connects as a client and prints what it receives, a message a line
    Listen(ListenArgs),
    /// Checks directory, rights, limits, port and PHP, and says how to fix what is wrong
    Doctor(DoctorArgs),
    /// Makes and checks tokens
    #[command(subcommand, after_help = token::EXAMPLES)]
    Token(TokenCommand),
    /// Looks at the settings
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(ConfigCommand),
    /// Prints a shell completion, the sample file or the reference page, or writes the man pages: for packages and
    /// installations by hand
    #[command(subcommand, after_help = generate::EXAMPLES)]
    Generate(GenerateCommand),
}

/// The version, with the commit in parentheses where the build was told it.
const VERSION: &str = match option_env!("FASTAPI_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// A paragraph is one line: the help wraps it at the width of the terminal, the man page at its own.
const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster -q /srv/queue --listen 0.0.0.0:8081 --log-format json
  WS_PORT=8090 fastapi-broadcaster --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster publish order.created '{\"id\":7}' -q /srv/queue
  fastapi-broadcaster publish order.paid '{\"id\":7}' --channel private-user.42 -q /srv/queue
  fastapi-broadcaster token create --user 42 --allow private-user.42 --config /etc/fastapi-broadcaster/config.toml >token
  fastapi-broadcaster listen ws://127.0.0.1:8081/
  fastapi-broadcaster listen ws://127.0.0.1:8081/ --channel private-user.42 --token - <token
  fastapi-broadcaster doctor --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster config check --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster failed list --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster queue dump --follow --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster history stat --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster admin status --config /etc/fastapi-broadcaster/config.toml

A flag wins over its environment variable, that over the file, that over the default. An empty variable is not set.

SIGTERM, SIGINT or SIGQUIT stops: clients receive what was read and close code 1001. A second one exits at once. \
SIGHUP reads the settings again; docs/configuration.md says which of them take effect without a restart. SIGUSR1 and \
SIGUSR2 do nothing.

A queue directory that is missing or cannot be used yet is waited for.

Exit codes: 0 stopped; 64 bad arguments or configuration, or a queue that is no directory, that every user can write \
to, or that nobody consumed before and that holds other files; 1 any other failure.

fastapi-broadcaster generate makes man pages, shell completions and a sample of the configuration file; its --help \
says how.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_only_options_that_mean_something() {
        let mut command = Args::documented();
        command.build();
        let mut shows = |name: &str, option: &str| {
            let help =
                command.find_subcommand_mut(name).expect("there is such a command").render_long_help().to_string();
            help.contains(option)
        };
        assert!(shows("doctor", "--queue") && shows("doctor", "--listen") && shows("doctor", "--config"));
        assert!(shows("publish", "--queue") && shows("publish", "--config") && !shows("publish", "--listen"));
        assert!(shows("publish", "If it is missing it is created") && shows("failed", "It must exist"));
        assert!(!shows("doctor", "--max-connections") && !shows("config", "--max-connections"));
        assert!(
            shows("listen", "--count")
                && shows("listen", "FASTAPI_WS_TOKEN]")
                && !shows("listen", "--queue <")
                && !shows("listen", "--listen")
        );
    }

    #[test]
    fn the_help_of_every_command_has_examples_of_it_in_paragraphs_without_ends_of_lines() {
        fn check(command: &clap::Command, name: &str) {
            let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let (examples, paragraphs) = text.split_once("\n\n").unwrap_or((&text, ""));
            let examples = examples.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
            assert!(examples.lines().all(|line| line.starts_with("  ")), "{examples}");
            assert!(examples.lines().any(|line| line.contains(name)), "{name}: {examples}");
            assert!(paragraphs.split("\n\n").all(|paragraph| !paragraph.contains('\n')), "{paragraphs}");
            for subcommand in command.get_subcommands() {
                check(subcommand, &format!("{name} {}", subcommand.get_name()));
            }
        }
        check(&Args::documented(), "fastapi-broadcaster");
    }

    #[test]
    fn the_short_help_fits_on_a_screen_and_the_long_one_has_all() {
        let mut command = Args::documented().term_width(120);
        let (short, long) = (command.render_help().to_string(), command.render_long_help().to_string());
        assert!(short.lines().count() <= 50, "{} lines: {short}", short.lines().count());
        for shown in ["generate", "doctor", "--queue", "--listen", "--config", "--help"] {
            assert!(short.contains(shown), "{shown}: {short}");
        }
        for hidden in ["Examples:", "--max-outbox-bytes"] {
            assert!(!short.contains(hidden) && long.contains(hidden), "{hidden}");
        }
        let two = "Address. Another sentence, with t. and a number [default: 5]";
        assert_eq!(first_sentence(two).as_deref(), Some("Address [default: 5]"));
        assert_eq!(first_sentence("The id, or t. and milliseconds"), None);
    }

    #[test]
    fn commands_take_options_that_their_help_does_not_tell() {
        let parse = |line: &str| {
            let matches = Args::documented().try_get_matches_from(line.split(' ')).expect("it is a command line");
            Args::from_arg_matches(&matches).expect("it is complete").settings.settings
        };
        let settings = parse("fastapi-broadcaster failed list --listen 127.0.0.1:1 --queue /q");
        assert_eq!((settings.queue, settings.listen), (Some("/q".into()), Some("127.0.0.1:1".into())));
        for line in ["config check --max-connections 5 --host x", "--host x config check --max-connections 5"] {
            let settings = parse(&format!("fastapi-broadcaster {line}"));
            assert_eq!((settings.host, settings.max_connections), (Some("x".into()), Some(5)), "{line}");
        }
    }
}
