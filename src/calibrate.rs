//! `laiosim calibrate`: measures this machine and writes a machine profile.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use output::files::{OutputDir, OutputError, OutputFile};
use output::table::Table;
use sim::machine::profile::{Profile, Sourced};
use validate::calibrate::{CalibrateError, Effort, calibrate};

use crate::failure::{CUT, Failure};
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim calibrate --quick -o machine.toml
      Measure every cost in three and a half minutes, and write the profile.
  laiosim calibrate -o machine.toml
      The same in more passes, in about eight minutes, for narrower intervals.
  laiosim run scenarios/wc98.toml --set machine.profile=$PWD/machine.toml
      Simulate this machine.

Needs root (FUSE, loop devices, memory groups) and two CPUs.";

/// Measure this machine: every cost that the simulator charges, with its source and interval.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CalibrateArgs {
    /// Fewer passes, and fewer rounds in each.
    #[arg(long)]
    quick: bool,
    /// Write the machine profile here.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Measures, writes, shows.
///
/// # Errors
/// The machine cannot be measured, or the profile cannot be written.
pub(crate) fn run(args: &CalibrateArgs) -> Result<ExitCode, Failure> {
    let mut file = start_file(&args.output).map_err(|error| Failure::Refused(error.to_string()))?;
    let effort = if args.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let profile = match calibrate(effort, |step| eprintln!("calibrating: {step}")) {
        Ok(profile) => profile,
        Err(CalibrateError::Interrupted) => {
            eprintln!("{}", CalibrateError::Interrupted);
            return Ok(ExitCode::from(CUT));
        }
        Err(error) => return Err(Failure::Refused(error.to_string())),
    };
    file.write_all(profile.to_toml().as_bytes())
        .map_err(|error| Failure::Broken(format!("{}: {error}", args.output.display())))?;
    file.commit().map_err(|error| Failure::writing(&error))?;
    screen::show(&format!(
        "{}{}: {}\n",
        table(&profile).render(output::table::Medium::stdout()),
        args.output.display(),
        profile.machine
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// A file that appears under its name when it is whole; a folder that cannot be written to is
/// found out before anything is measured.
///
/// # Errors
/// The folder cannot be written to.
pub(crate) fn start_file(path: &Path) -> Result<OutputFile, OutputError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    OutputDir::create(folder)?.file(&name)
}

fn table(profile: &Profile) -> Table {
    let mut table = Table::new(["figure", "value", "95 % interval"]).align_right([1, 2]);
    for (section, figures) in profile.times() {
        for (key, figure) in figures {
            table = table.row(row(&section, key, figure, |time| time.to_string()));
        }
    }
    for (key, figure) in profile.memory.figures() {
        table = table.row(row("memory", key, figure, |bytes| {
            format!("{:.1} KiB", bytes.0 as f64 / 1024.0)
        }));
    }
    table
}

fn row<T: Copy>(
    section: &str,
    key: &str,
    figure: &Sourced<T>,
    show: impl Fn(T) -> String,
) -> [String; 3] {
    let interval = match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("{} .. {}", show(low), show(high)),
        _ => "-".to_owned(),
    };
    [format!("{section}.{key}"), show(figure.value), interval]
}
