//! The CustomResourceDefinitions, as values and as the files of `crds/`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{Cluster, Topic};

/// A file of `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrdFile {
    /// Its name, such as `weir.dev_clusters.yaml`.
    pub name: String,
    /// Its text: one YAML document.
    pub text: String,
}

/// Every definition.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![Cluster::crd(), Topic::crd()]
}

/// Every definition as a file. The chart's templates wrap the same text.
pub fn crd_files() -> Result<Vec<CrdFile>, serde_yaml::Error> {
    crds()
        .iter()
        .map(|crd| {
            let name = format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural);
            serde_yaml::to_string(crd).map(|text| CrdFile { name, text })
        })
        .collect()
}
