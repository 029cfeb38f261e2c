//! The command line: one declaration per subcommand, from which the help comes too.

use clap::{Parser, Subcommand};

use crate::calibrate::CalibrateArgs;
use crate::check::CheckArgs;
use crate::compare::CompareArgs;
use crate::completions::CompletionsArgs;
use crate::init::InitArgs;
use crate::list::ListArgs;
use crate::load::LoadArgs;
use crate::run::RunArgs;
use crate::schema::SchemaArgs;
use crate::serve::ServeArgs;
use crate::sweep::SweepArgs;
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
    /// Simulate every combination of the values of some keys; can be interrupted and goes on.
    Sweep(SweepArgs),
    /// Check a scenario and say what a run of it would be.
    Check(CheckArgs),
    /// Write a scenario to begin with.
    Init(InitArgs),
    /// Print what a scenario can say: a JSON schema for editors, or the reference page.
    Schema(SchemaArgs),
    /// List what can be chosen: servers, machines, disks, policies, metrics.
    List(ListArgs),
    /// Compare the results of two runs.
    Compare(CompareArgs),
    /// Measure this machine: what every operation costs on it.
    Calibrate(CalibrateArgs),
    /// Run the real servers of a scenario and judge the simulator's predictions.
    Validate(ValidateArgs),
    /// Serve files for real, with one of the architectures.
    Serve(ServeArgs),
    /// Play a trace against a real server.
    Load(LoadArgs),
    /// Print the completions for a shell.
    Completions(CompletionsArgs),
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
