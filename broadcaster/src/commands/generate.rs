//! `fastapi-broadcaster generate ...`: what packages ship beside the binary.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use clap_complete::Shell;

use crate::reference;

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
    /// Prints the sample of a configuration file
    Sample,
    /// Prints the reference page of the settings
    Reference,
}

/// The command line is the one as its help shows it.
pub(crate) fn run(command: GenerateCommand, mut line: clap::Command) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut line, "fastapi-broadcaster", &mut script);
            // Not by the generator, which panics if that fails.
            print(&script)?;
        }
        GenerateCommand::Man { directory } => clap_mangen::generate_to(line, &directory)
            .with_context(|| format!("cannot write man pages to {}", directory.display()))?,
        GenerateCommand::Sample => print(reference::sample().as_bytes())?,
        GenerateCommand::Reference => print(reference::page().as_bytes())?,
    }
    Ok(())
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}
