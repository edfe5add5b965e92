//! Connections that ask what every client asks first, and then nothing. What they cost is read from outside.

use std::io::{self, Read};
use std::time::Instant;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use weir_wire::messages::api_versions::ApiVersionsRequest;
use weir_wire::messages::metadata::MetadataRequest;

use crate::cluster::check;
use crate::connection::Connection;
use crate::error::LoadError;

const API_VERSIONS_VERSION: i16 = 3;
const METADATA_VERSION: i16 = 12;

#[derive(Args, Clone, Debug)]
pub(crate) struct Idle {
    /// The broker, HOST:PORT
    #[arg(long)]
    bootstrap: String,
    /// How many to open
    #[arg(long, default_value_t = 1000)]
    connections: usize,
}

/// What was opened.
#[derive(Debug, Serialize)]
pub(crate) struct Opened {
    connections: usize,
    seconds: f64,
}

impl Idle {
    /// Opens all, says so, and holds them until the standard input ends.
    pub(crate) fn run(self, report: impl Fn(Opened) -> Result<(), LoadError>) -> Result<(), LoadError> {
        allow_many_files()?;
        let began = Instant::now();
        let held: Vec<_> =
            (0..self.connections).map(|_| introduce(&self.bootstrap)).collect::<Result<_, _>>()?;
        report(Opened { connections: held.len(), seconds: began.elapsed().as_secs_f64() })?;
        io::stdin().read_to_end(&mut Vec::new()).map_err(LoadError::machine("reading the standard input"))?;
        drop(held);
        Ok(())
    }
}

fn introduce(bootstrap: &str) -> Result<Connection, LoadError> {
    let mut connection = Connection::open(bootstrap)?;
    let who =
        ApiVersionsRequest { client_software_name: "weir-load".into(), client_software_version: "1".into() };
    let answer = connection.ask(API_VERSIONS_VERSION, &who)?;
    check(answer.error_code, || "ApiVersions".into())?;
    let nothing = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    connection.ask(METADATA_VERSION, &nothing)?;
    Ok(connection)
}

fn allow_many_files() -> Result<(), LoadError> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    raised.map_err(|errno| LoadError::machine("raising the limit of open files")(errno.into()))
}
