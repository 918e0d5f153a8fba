//! `fastapi-broadcaster generate ...`: what packages ship beside the binary.

use std::io;

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use crate::args::Args;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Prints the completion of a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Prints the man page
    Man,
}

pub(crate) fn run(command: GenerateCommand) -> anyhow::Result<()> {
    match command {
        GenerateCommand::Completion { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "fastapi-broadcaster", &mut io::stdout());
        }
        GenerateCommand::Man => clap_mangen::Man::new(Args::command()).render(&mut io::stdout())?,
    }
    Ok(())
}
