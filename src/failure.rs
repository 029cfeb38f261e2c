//! Why a subcommand failed, and the exit code that says so.

use std::process::ExitCode;

use output::files::OutputError;
use sim::scenario::error::ScenarioError;

/// The exit code of a command cut short by Ctrl-C: 128 + SIGINT, as shells have it.
pub(crate) const CUT: u8 = 130;

/// Why a subcommand failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user asked for cannot be done: nothing was run or written. Exit code 2, like
    /// clap's for arguments that it refuses.
    Refused(String),
    /// It went wrong on the way. Exit code 1.
    Broken(String),
}

impl Failure {
    /// Something that was run cannot be written down.
    pub(crate) fn writing(error: &OutputError) -> Self {
        Self::Broken(error.to_string())
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 2,
            Self::Broken(_) => 1,
        })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(message) | Self::Broken(message) => f.write_str(message),
        }
    }
}

impl From<ScenarioError> for Failure {
    fn from(error: ScenarioError) -> Self {
        Self::Refused(error.to_string())
    }
}
