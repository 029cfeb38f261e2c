//! `laiosim serve`: the real server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use sim::scenario::Server;
use sim::scenario::units::Bytes;
use validate::serve::{self, SERVERS, ServeConfig, ServeError};

use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim serve /srv/files --server nb-laio
      Print the port, and serve /srv/files/obj/00/000000, .../obj/00/000001, ... until SIGTERM.
  laiosim serve /srv/files --server nb-amped --helpers 16 --port 8000
      The same with 16 helper processes, on port 8000.";

/// The longest chunk, as in scenarios.
const MAX_CHUNK: Bytes = Bytes(1 << 30);

/// Serve files with one of the architectures, for real: what a scenario simulates.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// The folder that holds obj/00/000000 and so on.
    #[arg(value_name = "DIR")]
    root: PathBuf,
    /// The architecture.
    #[arg(long, value_parser = server_parser())]
    server: Server,
    /// The port on the loopback interface; 0: one of the system's choice.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The CPU for the server with its helpers or carriers.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Helper processes of nb-amped.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    helpers: u32,
    /// Bodies are read and sent in chunks of this size.
    #[arg(long, value_name = "SIZE", default_value = "64 KiB", value_parser = chunk)]
    chunk: Bytes,
    /// Fix the connections' send buffers (SO_SNDBUF), which Linux otherwise adapts by itself.
    #[arg(long, value_name = "SIZE", value_parser = chunk)]
    send_buffer: Option<Bytes>,
    /// Count into this file, made anew.
    #[arg(long, value_name = "FILE")]
    counters: Option<PathBuf>,
}

fn server_parser() -> impl TypedValueParser<Value = Server> {
    let names = SERVERS.map(|server| server.structure.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn chunk(text: &str) -> Result<Bytes, String> {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    match Bytes::deserialize(text) {
        Ok(Bytes(0)) => Err("must be more than zero".to_owned()),
        Ok(size) if size > MAX_CHUNK => Err("must be at most 1 GiB".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    }
}

/// Serves until told to stop.
///
/// # Errors
/// The server cannot start, or cannot go on.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let config = ServeConfig {
        root: args.root.clone(),
        server: args.server,
        port: args.port,
        cpu: args.cpu,
        helpers: args.helpers,
        chunk_bytes: args.chunk.0 as u32,
        send_buffer_bytes: args.send_buffer.map(|size| size.0 as u32),
        counters: args.counters.clone(),
    };
    // A reader that has gone does not need the port.
    let listening = |port| drop(screen::show(&format!("listening {port}\n")));
    match serve::run(&config, listening) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error @ (ServeError::File { .. } | ServeError::Laio(_))) => {
            Err(Failure::Refused(error.to_string()))
        }
        Err(error) => Err(Failure::Broken(error.to_string())),
    }
}
