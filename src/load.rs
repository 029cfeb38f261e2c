//! `laiosim load`: plays a trace against a real server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sim::engine::Nanos;
use validate::load::{self, LoadConfig, LoadResult};

use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim load 127.0.0.1:8000 --trace scenarios/traces/wc98-day6.laiotrace --clients 32
      Play the trace with 32 clients against a server whose files have the trace's sizes.
  laiosim load 127.0.0.1:8000 --trace t.laiotrace --clients 32 --requests 10000 -o load.bin
      Play the first sequences, up to 10,000 requests; keep every response time.";

/// Play a trace against a real server, with the clients that a scenario simulates.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LoadArgs {
    /// The server.
    #[arg(value_name = "ADDR")]
    address: SocketAddr,
    /// The trace.
    #[arg(long, value_name = "FILE")]
    trace: PathBuf,
    /// Number of clients.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// The longest gap within a sequence.
    #[arg(long, value_name = "TIME", default_value = "15 s")]
    gap: Nanos,
    /// Play only the first sequences, up to the one that brings this many requests.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Seed of the assignment of sequences to clients.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which of the seed's assignments.
    #[arg(long, default_value_t = 0)]
    replication: u32,
    /// The CPU for the load generator.
    #[arg(long, default_value_t = 1)]
    cpu: usize,
    /// Write the result with every response time here.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Plays, writes, shows.
///
/// # Errors
/// The server does not answer as the trace says, or the result cannot be written.
pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, Failure> {
    let config = LoadConfig {
        address: args.address,
        trace: args.trace.clone(),
        gap: args.gap,
        requests: args.requests,
        clients: args.clients,
        seed: args.seed,
        replication: args.replication,
        cpu: args.cpu,
    };
    let result = load::run(&config).map_err(|error| Failure::Broken(error.to_string()))?;
    if let Some(path) = &args.output {
        let written = result.write(path);
        written.map_err(|error| Failure::Broken(error.to_string()))?;
    }
    screen::show(&summary(&result))?;
    Ok(ExitCode::SUCCESS)
}

fn summary(result: &LoadResult) -> String {
    format!(
        "{} requests in {:.3} s: {:.0} requests/s; mean response time {:.3} ms; \
         load generator busy {:.0} %\n",
        result.responses.len(),
        result.elapsed.as_secs_f64(),
        result.requests_per_second(),
        result.mean_response_time().as_secs_f64() * 1e3,
        result.cpu.as_secs_f64() / result.elapsed.as_secs_f64() * 100.0,
    )
}
