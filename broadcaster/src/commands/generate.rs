//! `fastapi-broadcaster generate ...`: what packages ship beside the binary.

use std::io::{self, Write};
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
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::documented(), "fastapi-broadcaster", &mut script);
            // Not by the generator, which panics if that fails.
            let mut out = io::stdout().lock();
            out.write_all(&script)?;
            out.flush()?;
        }
        GenerateCommand::Man { directory } => clap_mangen::generate_to(Args::documented(), &directory)
            .with_context(|| format!("cannot write man pages to {}", directory.display()))?,
    }
    Ok(())
}
