//! Servers by name: `[flavour-]structure`, as in `flash-nb-amped`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::nearest;

/// What a server is like apart from its I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// A connection per request, no caches of its own.
    Thttpd,
    /// Persistent connections; caches of names, headers and open or mapped files.
    Flash,
}

impl Flavour {
    /// Every flavour.
    pub const ALL: [Self; 2] = [Self::Thttpd, Self::Flash];

    /// The name in front of the structure's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thttpd => "thttpd",
            Self::Flash => "flash",
        }
    }
}

/// How a server is built: how it does socket I/O, then how it does disk I/O; or of what it has
/// many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Structure {
    /// Sockets non-blocking, disk I/O blocks the loop (SPED).
    NbB,
    /// Sockets non-blocking, disk reads through POSIX asynchronous I/O.
    NbAio,
    /// Sockets non-blocking, disk I/O through LAIO.
    NbLaio,
    /// Everything through LAIO.
    LaioLaio,
    /// Sockets non-blocking, helper processes for the disk (AMPED).
    NbAmped,
    /// Sockets non-blocking, every file operation handed to a pool of threads (AMTED).
    NbAmted,
    /// The same, only for what a residency test finds missing.
    NbAmtedNowait,
    /// Sockets non-blocking, file operations through io_uring.
    NbUring,
    /// The same, only for what a residency test finds missing; the others are plain calls.
    NbUringHybrid,
    /// A process for each connection being served.
    Mp,
    /// A thread for each connection being served.
    Mt,
}

impl Structure {
    /// Every structure.
    pub const ALL: [Self; 11] = [
        Self::NbB,
        Self::NbAio,
        Self::NbLaio,
        Self::LaioLaio,
        Self::NbAmped,
        Self::NbAmted,
        Self::NbAmtedNowait,
        Self::NbUring,
        Self::NbUringHybrid,
        Self::Mp,
        Self::Mt,
    ];

    /// The name in scenarios and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NbB => "nb-b",
            Self::NbAio => "nb-aio",
            Self::NbLaio => "nb-laio",
            Self::LaioLaio => "laio-laio",
            Self::NbAmped => "nb-amped",
            Self::NbAmted => "nb-amted",
            Self::NbAmtedNowait => "nb-amted-nowait",
            Self::NbUring => "nb-uring",
            Self::NbUringHybrid => "nb-uring-hybrid",
            Self::Mp => "mp",
            Self::Mt => "mt",
        }
    }

    /// What it does about blocking, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NbB => "sockets non-blocking, disk I/O blocks the loop (SPED)",
            Self::NbAio => "sockets non-blocking, disk reads through POSIX AIO",
            Self::NbLaio => "sockets non-blocking, disk I/O through lazy asynchronous I/O",
            Self::LaioLaio => "sockets and disk through lazy asynchronous I/O",
            Self::NbAmped => "sockets non-blocking, helper processes for the disk (AMPED)",
            Self::NbAmted => "sockets non-blocking, every file operation to a thread pool (AMTED)",
            Self::NbAmtedNowait => "the same, only for what a residency test finds missing",
            Self::NbUring => "sockets non-blocking, file operations through io_uring",
            Self::NbUringHybrid => "the same, only for what a residency test finds missing",
            Self::Mp => "a process for each connection being served",
            Self::Mt => "a thread for each connection being served",
        }
    }

    /// Whether one event loop serves many connections.
    pub fn is_event_driven(self) -> bool {
        !matches!(self, Self::Mp | Self::Mt)
    }
}

/// A server to be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// `None`: just what the keys of `[server]` say.
    pub flavour: Option<Flavour>,
    /// How it is built.
    pub structure: Structure,
}

impl Server {
    /// A server without flavour.
    pub const fn plain(structure: Structure) -> Self {
        Self {
            flavour: None,
            structure,
        }
    }

    /// Every server.
    pub fn all() -> impl Iterator<Item = Self> {
        let flavours = std::iter::once(None).chain(Flavour::ALL.map(Some));
        flavours.flat_map(|flavour| Structure::ALL.map(|structure| Self { flavour, structure }))
    }

    /// The name in scenarios and tables.
    pub fn name(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.flavour {
            Some(flavour) => format!("{}-{}", flavour.name(), self.structure.name()),
            None => self.structure.name().to_owned(),
        };
        f.pad(&name)
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(server) = Self::all().find(|server| server.name() == text) {
            return Ok(server);
        }
        let names: Vec<String> = Self::all().map(Self::name).collect();
        let hint = nearest(text, names.iter().map(String::as_str))
            .map(|known| format!("; did you mean \"{known}\"?"))
            .unwrap_or_default();
        let structures = Structure::ALL.map(Structure::name).join(", ");
        Err(format!(
            "no server is called \"{text}\"{hint} Known: {structures}; each also as thttpd-... \
             and flash-..."
        ))
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for Server {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_its_server() {
        for server in Server::all() {
            assert_eq!(server.name().parse(), Ok(server));
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let refused = "flash-nb-liao"
            .parse::<Server>()
            .expect_err("no such server");
        assert!(
            refused.contains("did you mean \"flash-nb-laio\"?"),
            "{refused}"
        );
    }
}
