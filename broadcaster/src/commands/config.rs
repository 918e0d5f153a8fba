//! `fastapi-broadcaster config ...`: what a start would say of the settings, without a start.

pub(crate) mod show;

use std::io::{self, Write};

use clap::Subcommand;

use show::ShowArgs;

/// `fastapi-broadcaster config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Checks flags, environment and the configuration file: prints ok, or what is wrong where, with exit code 64. Run
    /// it before a restart or a reload
    #[command(after_help = EXAMPLES)]
    Check,
    /// Prints every setting with its value and where that comes from, with tabs between. Secrets are not shown
    #[command(after_help = show::EXAMPLES)]
    Show(ShowArgs),
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster config check --config /etc/fastapi-broadcaster/config.toml
  fastapi-broadcaster config check --queue /srv/queue --allowed-origins https://example.com
  fastapi-broadcaster config show --config /etc/fastapi-broadcaster/config.toml

It takes every flag of the server, before or after its name: see fastapi-broadcaster --help.

It looks neither at the queue directory nor at the port: doctor does.";

/// Called with settings that were decided, so there is nothing wrong with them.
pub(crate) fn check(warnings: &[String]) -> anyhow::Result<()> {
    for warning in warnings {
        // Nobody needs a warning that cannot be written.
        let _ = writeln!(io::stderr(), "fastapi-broadcaster: {warning}");
    }
    Ok(writeln!(io::stdout(), "ok")?)
}
