//! `laiosim validate`: runs the real servers and holds the simulator's predictions against them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use output::number::{Unit, with_interval};
use output::table::{Medium, Table};
use sim::machine::profile::Profile;
use sim::scenario::load::{Loaded, Overrides, load};
use sim::server::OpKind;
use sim::stats::Estimate;
use validate::compare::limits;
use validate::compare::{
    CompareError, Effort, Judged, MOST_NOT_OURS, Quantity, ServerRuns, Tolerance, Verdict, compare,
};

use crate::calibrate::start_file;
use crate::failure::{CUT, Failure};
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim calibrate --quick -o machine.toml
  laiosim validate scenarios/validate/hdd.toml --machine machine.toml
      Run every server for real, simulate the same, and judge each figure.
  laiosim validate scenarios/validate/hdd.toml --machine machine.toml --model cache.memory='8 MiB'
      Give the simulator half the memory: a wrong model, which must FAIL.

Needs root (FUSE, loop devices, memory groups) and two CPUs.
Exit codes: 0 no FAIL, 1 some figure FAILs or a run broke, 2 wrong arguments, scenario or machine,
130 interrupted.";

/// Run the real servers of a scenario on this machine and judge the simulator's predictions.
///
/// Real are nb-b, nb-amped and nb-laio, with one copy of each, as they are without the keys that
/// change what a server does: a key that the real ones do not have is refused.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArgs {
    /// The scenario, a TOML file with network.loopback = true, closed clients, a trace and no axes.
    scenario: PathBuf,
    /// The machine profile of this machine, from `laiosim calibrate`.
    #[arg(long, value_name = "FILE")]
    machine: PathBuf,
    /// Set a key of the scenario, for the servers and the simulator.
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::run::key_and_value)]
    set: Vec<(String, String)>,
    /// Set a key for the simulator only: a deliberately different model.
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::run::key_and_value)]
    model: Vec<(String, String)>,
    /// Replications at most, while a verdict is undecided. [default: the scenario's run.replications]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_replications: Option<u32>,
    /// Write the report here, as Markdown.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs, judges, shows, writes.
///
/// # Errors
/// The scenario or the machine cannot do it, or a run breaks.
pub(crate) fn run(args: &ValidateArgs) -> Result<ExitCode, Failure> {
    let machine = std::fs::canonicalize(&args.machine).map_err(|error| {
        Failure::Refused(format!(
            "{}: {error}; make it with: laiosim calibrate --quick -o {}",
            args.machine.display(),
            args.machine.display()
        ))
    })?;
    let measured = loaded(args, &machine, &[])?;
    let model = loaded(args, &machine, &args.model)?;
    let report_file = match &args.output {
        None => None,
        Some(path) => Some(start_file(path).map_err(|error| Failure::Refused(error.to_string()))?),
    };
    let (point, workload) = (&measured.points[0], &measured.workloads[0]);
    let trace = trace_of(&measured);
    let replications = point.scenario.run.replications;
    let effort = Effort {
        replications,
        most: args
            .max_replications
            .unwrap_or(replications)
            .max(replications),
    };
    let progress = |step: &str| eprintln!("validating: {step}");
    let runs = match compare(point, &model.points[0], workload, &trace, effort, progress) {
        Ok(runs) => runs,
        Err(CompareError::Interrupted) => {
            eprintln!("interrupted: nothing written");
            return Ok(ExitCode::from(CUT));
        }
        Err(error @ CompareError::Emulate(_)) => return Err(Failure::Refused(error.to_string())),
        Err(error) => return Err(Failure::Broken(error.to_string())),
    };
    screen::show(&format!(
        "{}\n{}\n{}\n",
        verdicts(&runs).render(Medium::stdout()),
        kinds(&runs).render(Medium::stdout()),
        conclusions(&runs).join("\n")
    ))?;
    if let Some(mut file) = report_file {
        let text = report(args, &measured, &point.profile, &runs);
        file.write_all(text.as_bytes())
            .map_err(|error| Failure::Broken(error.to_string()))?;
        file.commit().map_err(|error| Failure::writing(&error))?;
    }
    let failed = runs
        .iter()
        .flat_map(ServerRuns::judge)
        .any(|judged| judged.verdict == Verdict::Fail);
    Ok(ExitCode::from(u8::from(failed)))
}

fn loaded(
    args: &ValidateArgs,
    machine: &Path,
    model: &[(String, String)],
) -> Result<Loaded, Failure> {
    let mut overrides = args.set.clone();
    let profile = toml::Value::String(machine.display().to_string()).to_string();
    overrides.push(("machine.profile".to_owned(), profile));
    overrides.extend_from_slice(model);
    let loaded = load(&args.scenario, &Overrides::of_keys(&overrides))?;
    let refused = |why: &str| Failure::Refused(format!("{}: {why}", args.scenario.display()));
    if loaded.points.len() != 1 {
        return Err(refused(
            "axes: validate runs one point; choose values with --set",
        ));
    }
    limits::check(&loaded.points[0].scenario).map_err(|error| refused(&error.to_string()))?;
    Ok(loaded)
}

/// The file of the trace, which is relative to the scenario.
fn trace_of(loaded: &Loaded) -> PathBuf {
    let keys = &loaded.points[0].scenario.workload;
    let trace = keys.trace.as_ref().expect("drawn requests were refused");
    loaded.file.parent().unwrap_or(Path::new("")).join(trace)
}

fn verdicts(runs: &[ServerRuns]) -> Table {
    let headers = [
        "server",
        "figure",
        "measured",
        "predicted",
        "error",
        "allowed",
        "verdict",
    ];
    let mut table = Table::new(headers).align_right([2, 3, 4, 5]);
    for server in runs {
        for judged in server.judge() {
            table = table.row([
                server.server.name(),
                judged.quantity.name().to_owned(),
                estimate(judged.quantity, judged.measured),
                estimate(judged.quantity, judged.predicted),
                error(&judged),
                allowed(judged.quantity),
                judged.verdict.name().to_owned(),
            ]);
        }
    }
    table
}

fn estimate(quantity: Quantity, estimate: Estimate) -> String {
    let unit = match quantity {
        Quantity::BlockRate | Quantity::DiskUtilization => Unit::Share,
        _ => Unit::None,
    };
    with_interval(Some(estimate.mean), estimate.half_width, unit)
}

fn error(judged: &Judged) -> String {
    let half = judged.error.half_width.unwrap_or(f64::NAN) * 100.0;
    let unit = match judged.quantity.tolerance() {
        Tolerance::Absolute(_) => "points",
        Tolerance::Relative(_) => "%",
    };
    format!("{:+.1} ±{half:.1} {unit}", judged.error.mean * 100.0)
}

fn allowed(quantity: Quantity) -> String {
    match quantity.tolerance() {
        Tolerance::Absolute(bound) => format!("±{:.0} points", bound * 100.0),
        Tolerance::Relative(bound) => format!("±{:.0} %", bound * 100.0),
    }
}

/// Block rates and calls by kind, measured and predicted.
fn kinds(runs: &[ServerRuns]) -> Table {
    let headers = [
        "server",
        "operation",
        "calls per request",
        "predicted",
        "block rate",
        "predicted",
    ];
    let mut table = Table::new(headers).align_right([2, 3, 4, 5]);
    for server in runs {
        for kind in OpKind::ALL.into_iter().filter(|kind| kind.on_disk()) {
            let (real, simulated) = (
                Counts::measured(server, kind),
                Counts::predicted(server, kind),
            );
            if real.calls == 0.0 && simulated.calls == 0.0 {
                continue;
            }
            table = table.row([
                server.server.name(),
                kind.name().to_owned(),
                format!("{:.3}", real.calls),
                format!("{:.3}", simulated.calls),
                format!("{:.2} %", real.block_rate * 100.0),
                format!("{:.2} %", simulated.block_rate * 100.0),
            ]);
        }
    }
    table
}

/// One kind over all replications.
struct Counts {
    calls: f64,
    block_rate: f64,
}

impl Counts {
    fn measured(server: &ServerRuns, kind: OpKind) -> Self {
        let ops = server
            .real
            .iter()
            .map(|real| real.counters.total().op(kind));
        let requests = server.real.iter().map(|real| real.requests).sum();
        let sums = ops.fold((0, 0), |sum, op| {
            (sum.0 + op.issued, sum.1 + op.would_block)
        });
        Self::of(sums, requests)
    }

    fn predicted(server: &ServerRuns, kind: OpKind) -> Self {
        let ops = server
            .predicted
            .iter()
            .map(|run| run.counters.ops[kind as usize]);
        let requests = server
            .predicted
            .iter()
            .map(|run| run.responses.len() as u64)
            .sum();
        let sums = ops.fold((0, 0), |sum, op| {
            (sum.0 + op.issued, sum.1 + op.would_block)
        });
        Self::of(sums, requests)
    }

    fn of((issued, blocked): (u64, u64), requests: u64) -> Self {
        Self {
            calls: issued as f64 / requests.max(1) as f64,
            block_rate: blocked as f64 / issued.max(1) as f64,
        }
    }
}

/// The orders of the servers, and how quiet the machine was.
fn conclusions(runs: &[ServerRuns]) -> Vec<String> {
    let order = |pick: fn(&Judged) -> Estimate| {
        let mut servers: Vec<(f64, String)> = runs
            .iter()
            .filter_map(|server| {
                let judged = server.judge();
                let throughput = judged
                    .iter()
                    .find(|judged| judged.quantity == Quantity::Throughput)?;
                Some((pick(throughput).mean, server.server.name()))
            })
            .collect();
        servers.sort_by(|a, b| b.0.total_cmp(&a.0));
        let names: Vec<String> = servers.into_iter().map(|(_, name)| name).collect();
        names.join(" > ")
    };
    let (measured, predicted) = (order(|j| j.measured), order(|j| j.predicted));
    let all = || runs.iter().flat_map(|server| &server.real);
    let not_ours = all().map(|real| real.not_ours).fold(0.0, f64::max);
    let ops = || all().flat_map(|real| real.counters.event_loop.ops);
    let late: u64 = ops().map(|op| op.late).sum();
    let false_steals: u64 = ops().map(|op| op.false_steals).sum();
    let stolen: u64 = all()
        .map(|real| real.counters.event_loop.continuations)
        .sum();
    let caches: Vec<String> = runs
        .iter()
        .map(|server| {
            let mib =
                |bytes: u64| bytes as f64 / server.real.len().max(1) as f64 / (1 << 20) as f64;
            let measured = mib(server.real.iter().map(|run| run.cache_bytes).sum());
            let predicted = mib(server
                .predicted
                .iter()
                .map(|run| run.cached_page_bytes)
                .sum());
            format!(
                "{} {measured:.1} MiB (predicted {predicted:.1})",
                server.server.name()
            )
        })
        .collect();
    vec![
        format!("Order by throughput, measured:  {measured}"),
        format!("Order by throughput, predicted: {predicted}"),
        format!(
            "CPU time that was not ours: at most {:.1} % of a run (runs above {:.0} % were repeated).",
            not_ours * 100.0,
            MOST_NOT_OURS * 100.0
        ),
        format!(
            "Late watchers: {late}; false steals: {false_steals}; continuations of all servers: {stolen}."
        ),
        format!("Page cache at the end of a run: {}.", caches.join(", ")),
        paces(runs),
    ]
}

/// How fast the machine was.
fn paces(runs: &[ServerRuns]) -> String {
    let of = |server: &ServerRuns| {
        let all = || {
            server
                .paces
                .iter()
                .flat_map(|pace| [pace.before, pace.after])
        };
        let least = all().fold(f64::INFINITY, f64::min);
        let most = all().fold(0.0, f64::max);
        let mean = all().sum::<f64>() / all().count().max(1) as f64;
        format!(
            "{} {mean:.2} ({least:.2} to {most:.2})",
            server.server.name()
        )
    };
    let each: Vec<String> = runs.iter().map(of).collect();
    format!(
        "Pace: CPU time of the calibration's own requests around each run, in proportion to the \
         profile's; each prediction is for a machine of the pace of its run: {}.",
        each.join(", ")
    )
}

fn report(args: &ValidateArgs, loaded: &Loaded, profile: &Profile, runs: &[ServerRuns]) -> String {
    let mut command = format!(
        "laiosim validate {} --machine {}",
        args.scenario.display(),
        args.machine.display()
    );
    for (flag, pairs) in [("--set", &args.set), ("--model", &args.model)] {
        for (key, value) in pairs {
            command += &format!(" {flag} {key}='{value}'");
        }
    }
    let replications = runs.first().map_or(0, |server| server.real.len());
    let requests = loaded.workloads[0].played.map_or(0, |(_, brought)| brought);
    format!(
        "# {}\n\nCommand: `{command}`\n\nMachine: {} ({})\n\n{requests} requests, {replications} replications, \
         real runs and predictions of the same trace, assignment, placement, memory and disk.\n\n{}\n{}\n\n{}\n",
        loaded.title,
        profile.machine,
        profile.provenance,
        verdicts(runs).to_markdown(),
        kinds(runs).to_markdown(),
        conclusions(runs).join("\n\n"),
    )
}
