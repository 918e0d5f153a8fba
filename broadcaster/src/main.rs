//! `fastapi-broadcaster`: from the command line to an exit code.

mod admin;
mod args;
mod commands;
mod config_file;
mod environment;
mod errors;
mod likeness;
mod logging;
mod numbers;
mod options;
mod output;
mod progress;
mod recent_problems;
mod reference;
mod reload;
mod remedy;
mod serve;
mod starting;
mod systemd;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use queue::{printable, text_without_secrets};
use server::BindError;
use server::config::Settings;
use server::log_lines::write_exit_message;

use crate::args::{Args, Command};
use crate::commands::config::ConfigCommand;
use crate::commands::config::show::{self, Sources};
use crate::commands::listen::{BadAddress, TimedOut};
use crate::commands::publish::BadPayload;
use crate::commands::{config, doctor, failed, generate, history, listen, publish, token};
use crate::config_file::{ExposedSecret, Read};
use crate::errors::{hint, in_one_line, is_broken_pipe, of_line, without_secrets};
use crate::reload::Given;

/// Bad arguments or configuration, or a queue directory that must not be used, as in sysexits.h: only a person can
/// correct it.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let args = match Args::from_process() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            let error = without_secrets(error);
            let hint = hint(&error).map(|hint| format!(": {hint}")).unwrap_or_default();
            return fail(EX_USAGE, &format!("{}{hint} (see --help)", of_line(&error)));
        }
        Err(help) => {
            // Nobody reads help from a closed pipe.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let outcome = run(args);
    logging::finish();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => fail(EX_USAGE, &in_one_line(&error)),
        Err(Failure::Other(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) if matches!(error.downcast_ref(), Some(BindError::Queue(cause)) if !cause.is_passing()) => {
            fail(EX_USAGE, &in_one_line(&error))
        }
        Err(Failure::Other(error)) if error.is::<BadPayload>() || error.is::<BadAddress>() => {
            fail(EX_USAGE, &in_one_line(&error))
        }
        Err(Failure::Other(error)) if error.is::<TimedOut>() => fail(TimedOut::EXIT_CODE, &in_one_line(&error)),
        Err(Failure::Other(error)) => fail(1, &in_one_line(&error)),
    }
}

/// What went wrong, by exit code.
enum Failure {
    /// The user asked for what cannot be.
    Usage(anyhow::Error),
    /// Anything else.
    Other(anyhow::Error),
}

/// What is wrong without a queue directory.
const NO_QUEUE: &str = "no queue directory is given: set --queue DIR, FASTAPI_WS_QUEUE or `queue` in the configuration \
                        file";

fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Some(Command::Listen(arguments)) => return listen::run(arguments).map_err(Failure::Other),
        Some(Command::Generate(command)) => return generate::run(command, Args::documented()).map_err(Failure::Other),
        Some(Command::Token(command)) => {
            // Which channels are public matters to no token, so it need not be said for this.
            let settings =
                Settings { public_channels: Some(Vec::new()), anonymous: Some(true), ..args.settings.settings };
            let decided = config_file::resolve_with(settings, args.config.as_deref(), Settings::without_operators);
            let decided = decided.map_err(|error| Failure::Usage(error.into()))?;
            return token::run(&decided, command).map_err(Failure::Other);
        }
        Some(Command::Admin(arguments)) => {
            let decided =
                config_file::resolve_with(args.settings.settings, args.config.as_deref(), Settings::for_operators);
            let decided = decided.map_err(|error| Failure::Usage(error.into()))?;
            return commands::admin::run(&decided, arguments).map_err(Failure::Other);
        }
        _ => {}
    }
    let needs_rights = !matches!(
        args.command,
        Some(Command::Failed(_) | Command::Queue(_) | Command::Publish(_) | Command::History(_))
    );
    let read = if needs_rights { config_file::read } else { config_file::read_without_rights };
    let (given, path) = (args.settings.settings, args.config);
    let read = read(given.clone(), path.as_deref()).map_err(|error| Failure::Usage(error.into()))?;
    if let Some(Command::Config(ConfigCommand::Show(arguments))) = args.command {
        let sources = Sources { given: &given, flags: &args.settings.flags, path: path.as_deref() };
        return show::run(&read, &sources, &arguments).map_err(Failure::Other);
    }
    let Read { settings, config: mut decided, .. } = read;
    let Some(queue) = decided.queue.clone() else {
        return match (args.command, &decided.history_dir) {
            (Some(Command::History(command)), Some(directory)) => {
                history::run(None, Some(directory), command).map_err(Failure::Other)
            }
            (Some(Command::Doctor(arguments)), _) if doctor::needs_no_queue(&arguments) => {
                let exposed = path.as_deref().and_then(ExposedSecret::find);
                doctor::run(&decided, None, exposed.as_ref(), arguments).map_err(Failure::Other)
            }
            _ => Err(Failure::Usage(anyhow::anyhow!(NO_QUEUE))),
        };
    };
    // Made absolute, a URL would look like a path.
    let usage = |error: queue::EnqueueError| Failure::Usage(error.into());
    let queue = queue::local_path(queue.as_os_str().as_bytes()).map_err(usage)?;
    queue::check_path(queue).map_err(usage)?;
    let queue = Path::new(OsStr::from_bytes(queue));
    // The working directory may be deleted and made again later, which a relative path would not notice.
    let queue = std::path::absolute(queue)
        .with_context(|| format!("cannot make the queue path {} absolute (give an absolute one)", queue.display()))
        .map_err(Failure::Usage)?;
    decided.queue = Some(queue.clone());
    let exposed = path.as_deref().and_then(ExposedSecret::find);
    let mut warnings = args.warnings;
    warnings.extend(exposed.as_ref().map(|exposed| format!("{exposed}: {}", exposed.remedy())));
    match args.command {
        Some(Command::Config(_)) => config::check(&warnings),
        Some(Command::Failed(command)) => failed::failed(&queue, command),
        Some(Command::Queue(command)) => commands::queue::run(&queue, &decided, command),
        Some(Command::History(command)) => history::run(Some(&queue), decided.history_dir.as_deref(), command),
        Some(Command::Publish(arguments)) => publish::run(&queue, decided.max_event_bytes, arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&decided, Some(&queue), exposed.as_ref(), arguments),
        _ => {
            let given = Given { settings: given, path, running: settings };
            serve::run(decided, &queue, given, &warnings)
        }
    }
    .map_err(Failure::Other)
}

fn fail(code: u8, problem: &str) -> ExitCode {
    let problem = text_without_secrets(problem);
    write_exit_message(&format!("fastapi-broadcaster: {}\n", printable(&problem)), logging::FLUSH_TIMEOUT);
    ExitCode::from(code)
}
