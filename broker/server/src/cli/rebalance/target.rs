//! Which Cluster is meant, and how kubectl is called to get at it. Knows how a command is written that means the same one.

use std::path::PathBuf;

use clap::Args;

/// Which Cluster is meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Target {
    /// The Cluster; may be left out where its namespace has only one
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// Its namespace; without it the one that kubectl is set to
    #[arg(long, short, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// The context in kubectl's configuration; without it the present one
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
    /// The kubectl that is called
    #[arg(long, value_name = "PATH", default_value = "kubectl")]
    pub(super) kubectl: PathBuf,
}

impl Target {
    /// The flags that every call of kubectl gets.
    pub(super) fn flags(&self) -> Vec<String> {
        let named = [("--context", &self.context), ("--namespace", &self.namespace)];
        let given = named.into_iter().filter_map(|(flag, value)| Some(format!("{flag}={}", value.as_ref()?)));
        given.collect()
    }

    /// `weir rebalance VERB` for the same Cluster.
    pub(super) fn command(&self, verb: &str) -> String {
        let kubectl = Some(self.kubectl.display().to_string()).filter(|path| path != "kubectl");
        let named = [
            ("--cluster", self.cluster.clone()),
            ("--namespace", self.namespace.clone()),
            ("--context", self.context.clone()),
            ("--kubectl", kubectl),
        ];
        let given = named.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", value?)));
        format!("weir rebalance {verb}{}", given.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_means_the_same_cluster() {
        let plain = Target { kubectl: "kubectl".into(), ..Target::default() };
        assert_eq!(plain.command("approve"), "weir rebalance approve");
        assert!(plain.flags().is_empty());
        let named = Target {
            cluster: Some("logs".to_owned()),
            namespace: Some("prod".to_owned()),
            context: Some("east".to_owned()),
            kubectl: "/opt/kubectl".into(),
        };
        let written =
            "weir rebalance status --cluster logs --namespace prod --context east --kubectl /opt/kubectl";
        assert_eq!(named.command("status"), written);
        assert_eq!(named.flags(), ["--context=east", "--namespace=prod"]);
    }
}
