//! `fastapi-broadcaster generate ...`: what packages ship beside the binary.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use clap_complete::Shell;

use crate::reference;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Prints the completion of a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Writes the man pages, one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Where to; the directory is created if it is missing
        directory: PathBuf,
    },
    /// Prints the sample of a configuration file
    #[command(after_help = SAMPLE_EXAMPLES)]
    Sample,
    /// Prints the reference page of the settings
    #[command(after_help = REFERENCE_EXAMPLES)]
    Reference,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster generate man /usr/local/share/man/man1
  fastapi-broadcaster generate completion bash
  fastapi-broadcaster generate sample";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster generate completion bash >/etc/bash_completion.d/fastapi-broadcaster";

const MAN_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster generate man /usr/local/share/man/man1";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster generate sample >/etc/fastapi-broadcaster/config.toml";

const REFERENCE_EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster generate reference >configuration.md";

/// The command line is the one as its help shows it.
pub(crate) fn run(command: GenerateCommand, mut line: clap::Command) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut line, "fastapi-broadcaster", &mut script);
            // Not by the generator, which panics if that fails.
            print(&script)?;
        }
        GenerateCommand::Man { directory } => fs::create_dir_all(&directory)
            .and_then(|()| clap_mangen::generate_to(line, &directory))
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
