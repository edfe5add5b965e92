//! Everything that is read of one Cluster, in one value: from the mirrors, or, before something is taken away, from the API
//! server itself. Reads only, and decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use weir_operator_api::label;
use weir_operator_plan::observed::{Child, NodeSeen, PodSeen, StorageClassSeen, VolumeSeen};
use weir_operator_plan::{Kind, Object, Observed};

use super::Context;
use super::apply::dynamic;
use crate::brokers::Session;
use crate::error::{Error, Trying};
use crate::key::ClusterKey;
use crate::mirror::Mirrored;

/// Where objects are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// From the mirrors, which may be a moment behind.
    Mirrored,
    /// From the API server.
    Fresh,
}

/// Reads everything of the cluster.
pub(crate) async fn observe(
    context: &Context,
    session: &Session,
    key: &ClusterKey,
    freshness: Freshness,
) -> Result<Observed, Error> {
    let (reader, mirrors) = (Reader { client: &context.client, key, freshness }, &context.mirrors);
    let pods = reader.read(&mirrors.pods).await?;
    let volumes = reader.read(&mirrors.volumes).await?;
    let mut children = Vec::new();
    children.extend(reader.children(Kind::ServiceAccount, &mirrors.accounts).await?);
    children.extend(reader.children(Kind::ConfigMap, &mirrors.configs).await?);
    children.extend(reader.children(Kind::Service, &mirrors.services).await?);
    children.extend(reader.children(Kind::NetworkPolicy, &mirrors.policies).await?);
    children.extend(reader.children(Kind::PodDisruptionBudget, &mirrors.budgets).await?);
    children.extend(reader.children(Kind::StatefulSet, &mirrors.sets).await?);
    let nodes = mirrors.nodes.as_ref().map(Store::state).unwrap_or_default();
    let classes = mirrors.classes.as_ref().map(Store::state);
    let now = Timestamp::now();
    let seen = |classes: Vec<Arc<_>>| classes.iter().map(|class| StorageClassSeen::from(&**class)).collect();
    Ok(Observed {
        now,
        defaults: context.defaults.clone(),
        children,
        pods: pods.iter().map(|pod| PodSeen::new(&key.name, pod, now)).collect(),
        volumes: volumes.iter().map(|claim| VolumeSeen::new(claim)).collect(),
        nodes: nodes.iter().map(|node| NodeSeen::from(&**node)).collect(),
        storage_classes: classes.map(seen),
        whereabouts: BTreeMap::new(),
        brokers: session.brokers().await,
    })
}

/// Looks for objects by their names: those that do not carry our labels are in no mirror.
pub(crate) async fn look_for(
    client: &Client,
    namespace: &str,
    wanted: impl Iterator<Item = &Object>,
) -> Result<Vec<Child>, Error> {
    let mut found = Vec::new();
    for object in wanted {
        let read = dynamic(client, namespace, object.kind).get_opt(&object.name).await;
        let read = read.trying(|| format!("read {} {}", object.kind.kind(), object.name))?;
        if let Some(there) = read {
            found.push(Child::new(object.kind, &there)?);
        }
    }
    Ok(found)
}

/// Reads the objects of one cluster.
struct Reader<'a> {
    client: &'a Client,
    key: &'a ClusterKey,
    freshness: Freshness,
}

impl Reader<'_> {
    async fn children<K>(&self, kind: Kind, mirror: &Store<K>) -> Result<Vec<Child>, Error>
    where
        K: Mirrored + Serialize + Resource<Scope = NamespaceResourceScope>,
    {
        let objects = self.read(mirror).await?;
        objects.iter().map(|object| Child::new(kind, &**object).map_err(Error::from)).collect()
    }

    /// By name, so that what is decided does not depend on the order in which watches bring things.
    async fn read<K>(&self, mirror: &Store<K>) -> Result<Vec<Arc<K>>, Error>
    where
        K: Mirrored + Resource<Scope = NamespaceResourceScope>,
    {
        let mut objects = match self.freshness {
            Freshness::Mirrored => mirror.state_filter(|object| self.is_own(object)),
            Freshness::Fresh => self.list().await?,
        };
        objects.sort_by_key(|object| object.name_any());
        Ok(objects)
    }

    fn is_own<K: Resource>(&self, object: &K) -> bool {
        object.meta().namespace.as_deref() == Some(&*self.key.namespace)
            && object.labels().get(label::CLUSTER) == Some(&self.key.name)
    }

    async fn list<K>(&self) -> Result<Vec<Arc<K>>, Error>
    where
        K: Mirrored + Resource<Scope = NamespaceResourceScope>,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &self.key.namespace);
        let selector =
            format!("{}={},{}={}", label::MANAGED_BY, label::OPERATOR, label::CLUSTER, self.key.name);
        let listed = api.list(&ListParams::default().labels(&selector)).await;
        let listed = listed.trying(|| format!("list {}", K::plural(&())))?;
        let pruned = listed.items.into_iter().map(|mut object| {
            object.prune();
            Arc::new(object)
        });
        Ok(pruned.collect())
    }
}
