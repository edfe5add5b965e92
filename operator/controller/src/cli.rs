//! The command line: flags and environment variables, and what they mean. Starts nothing.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

use crate::telemetry::LogFormat;

/// Runs Weir clusters on Kubernetes
#[derive(Debug, Parser)]
#[command(name = "weir-operator", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch Clusters and Topics, and make them so
    Run(Box<Run>),
    /// Print the custom resource definitions as YAML
    Crds,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Namespaces to watch, separated by commas; all namespaces when absent
    #[arg(long, env = "WEIR_WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMES")]
    pub(crate) namespaces: Vec<String>,
    /// Namespace of the lease; the pod's own when absent
    #[arg(long, env = "WEIR_LEASE_NAMESPACE", value_name = "NAME")]
    pub(crate) lease_namespace: Option<String>,
    /// Name of the lease that the operator's replicas contend for
    #[arg(long, env = "WEIR_LEASE_NAME", default_value = "weir-operator", value_name = "NAME")]
    pub(crate) lease_name: String,
    /// Who this replica is in the lease; the pod's name when absent
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub(crate) identity: Option<String>,
    /// Image of the brokers of a Cluster that names none
    #[arg(long, env = "WEIR_BROKER_IMAGE", default_value = DEFAULT_IMAGE, value_name = "IMAGE")]
    pub(crate) broker_image: String,
    /// Where brokers serve their admin service; {pod}, {ordinal}, {cluster} and {namespace} are filled in
    #[arg(long, env = "WEIR_ADMIN_ADDRESS", default_value = ADMIN_ADDRESS, value_name = "PATTERN", hide = true)]
    pub(crate) admin_address: String,
    /// Where to serve /metrics, /livez and /readyz
    #[arg(long, env = "WEIR_HTTP", default_value = "[::]:8080", value_name = "ADDRESS")]
    pub(crate) http: SocketAddr,
    /// What to log: a level, or a filter such as `info,weir_operator=debug`
    #[arg(long, env = "WEIR_LOG", default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,
    /// How to write log lines
    #[arg(long, env = "WEIR_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

/// The image that is released with this operator.
const DEFAULT_IMAGE: &str = concat!("weir:", env!("CARGO_PKG_VERSION"));
/// Where a broker's pod is found through the headless service.
const ADMIN_ADDRESS: &str = "{pod}.{cluster}-brokers.{namespace}.svc:9095";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn namespaces_are_a_list_and_absent_means_all() {
        let parse = |words: &[&str]| match Arguments::try_parse_from(words).unwrap().command {
            Command::Run(run) => run.namespaces.clone(),
            Command::Crds => vec!["crds".to_owned()],
        };
        assert_eq!(parse(&["weir-operator", "run"]), Vec::<String>::new());
        assert_eq!(parse(&["weir-operator", "run", "--namespaces", "a,b"]), ["a", "b"]);
    }
}
