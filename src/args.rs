//! The command line: one declaration per subcommand, from which the help comes too.

use clap::{Parser, Subcommand};

use crate::calibrate::CalibrateArgs;
use crate::load::LoadArgs;
use crate::run::RunArgs;
use crate::serve::ServeArgs;
use crate::validate::ValidateArgs;

/// Predicts, and proves, how an event-driven server behaves when its I/O blocks.
#[derive(Debug, Parser)]
#[command(name = "laiosim", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands: each has a file of its own, with its arguments and a function that does it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Simulate the servers of a scenario and compare them.
    Run(RunArgs),
    /// Measure this machine: what every operation costs on it.
    Calibrate(CalibrateArgs),
    /// Run the real servers of a scenario and judge the simulator's predictions.
    Validate(ValidateArgs),
    /// Serve files for real, with one of the architectures.
    Serve(ServeArgs),
    /// Play a trace against a real server.
    Load(LoadArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_are_consistent() {
        Cli::command().debug_assert();
    }
}
