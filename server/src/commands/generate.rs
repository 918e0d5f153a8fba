//! `fastapi-broadcaster generate ...`: what packages ship beside the binary.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use clap_complete::Shell;

use crate::args::Args;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Prints the completion of a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Writes the man pages, one for each command
    Man {
        /// Where to
        directory: PathBuf,
    },
}

pub(crate) fn run(command: GenerateCommand) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Completion { shell } => {
            clap_complete::generate(shell, &mut Args::documented(), "fastapi-broadcaster", &mut io::stdout());
        }
        GenerateCommand::Man { directory } => clap_mangen::generate_to(Args::documented(), &directory)
            .with_context(|| format!("cannot write man pages to {}", directory.display()))?,
    }
    Ok(())
}
