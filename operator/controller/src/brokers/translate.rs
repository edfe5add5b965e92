//! The admin service's words in the plan's words. Pure; what can not be understood is left out, never guessed.

use std::collections::BTreeMap;
use std::str::FromStr;

use uuid::Uuid;
use weir_admin::admin::v1;
use weir_model::{BrokerId, Incarnation};
use weir_operator_plan::observed::brokers::{
    BrokerRef, BrokerSeen, BrokerState, HostPort, MayStop, Measures, PartitionState, Snapshot,
};

use super::sizes::Sizes;
use super::view::{TopicView, View};

/// The snapshot of a description without topics: what is counted over partitions comes from the view.
pub(super) fn snapshot(
    summary: &v1::ClusterSummary,
    brokers: &[v1::BrokerDescription],
    view: &View,
    sizes: &Sizes,
) -> Snapshot {
    // A view that is behind the description does not know yet what was counted.
    let is_behind = view.index < summary.metadata_index;
    let counts = (!is_behind).then(|| Counts::of(view));
    Snapshot {
        cluster_id: summary.cluster_id.clone(),
        controller: summary.controller.map(BrokerId),
        brokers: brokers.iter().filter_map(broker).collect(),
        offline_partitions: summary.offline_partitions,
        under_replicated_partitions: counts.as_ref().map(|counts| counts.under_replicated),
        under_min_isr_partitions: counts.as_ref().map(|counts| counts.under_min_isr),
        moving_partitions: summary.moving_partitions,
        metadata_version: summary.metadata_version,
        partitions: (!is_behind).then(|| partitions(view, sizes)),
        rates_unknown: sizes.rates_unknown(),
        may_stop: BTreeMap::new(),
    }
}

/// Every partition, by topic and number.
fn partitions(view: &View, sizes: &Sizes) -> Vec<PartitionState> {
    let of_topic = |(id, topic): (&String, &TopicView)| {
        let (id, name) = (id.clone(), topic.name.clone());
        let min_in_sync = usize::try_from(topic.min_insync_replicas).unwrap_or(1);
        let states = topic.partitions.iter().map(move |(number, partition)| {
            let brokers = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect();
            let size = sizes.of(&id, number);
            PartitionState {
                topic: name.clone(),
                topic_id: id.clone(),
                number,
                replicas: brokers(&partition.replicas),
                in_sync: brokers(&partition.in_sync),
                leader: partition.leader.map(BrokerId),
                adding: brokers(&partition.adding),
                removing: brokers(&partition.removing),
                epoch: partition.epoch,
                min_in_sync,
                bytes: size.bytes,
                bytes_in: size.bytes_in,
                bytes_out: size.bytes_out,
            }
        });
        states.collect::<Vec<_>>()
    };
    view.topics.iter().flat_map(of_topic).collect()
}

/// Partitions that lack replicas in sync.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    under_replicated: u64,
    under_min_isr: u64,
}

impl Counts {
    fn of(view: &View) -> Self {
        let mut counts = Self::default();
        for topic in view.topics.values() {
            counts.add(topic);
        }
        counts
    }

    fn add(&mut self, topic: &TopicView) {
        for partition in topic.partitions.values() {
            let (in_sync, replicas) = (partition.in_sync.len(), partition.replicas.len());
            let least = usize::try_from(topic.min_insync_replicas).unwrap_or(1).min(replicas);
            self.under_replicated += u64::from(in_sync < replicas);
            self.under_min_isr += u64::from(in_sync < least);
        }
    }
}

fn broker(told: &v1::BrokerDescription) -> Option<(BrokerId, BrokerSeen)> {
    let reference = told.broker.as_ref()?;
    let incarnation = Incarnation(Uuid::from_str(&reference.incarnation).ok()?);
    let measures = told.measures.as_ref();
    let listeners = told.listeners.iter().filter_map(|listener| {
        let address = listener.address.as_ref()?;
        let port = u16::try_from(address.port).ok()?;
        Some((listener.name.clone(), HostPort { host: address.host.clone(), port }))
    });
    let seen = BrokerSeen {
        incarnation,
        state: state(told.state(), measures.map(v1::BrokerMeasures::state)),
        fenced: told.fenced,
        drained: told.drained,
        rack: told.rack.clone(),
        listeners: listeners.collect(),
        replicas: told.replicas,
        leaders: told.leaders,
        version: measures.map(|measures| measures.version.clone()).filter(|version| !version.is_empty()),
        recovery: measures
            .and_then(|measures| measures.recovery.as_ref())
            .map(|recovery| (recovery.logs_opened, recovery.logs_total)),
        disk_failed: measures.is_some_and(|measures| measures.disk_failed),
        measures: measures.map(borne),
        disk_bytes: measures.map(|measures| measures.disk_total_bytes).filter(|bytes| *bytes > 0),
    };
    Some((BrokerId(reference.id), seen))
}

/// What the broker bears. Rates are whole numbers here: what is below one of them is nothing.
fn borne(told: &v1::BrokerMeasures) -> Measures {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    let whole = |rate: f64| rate as u64;
    Measures {
        cpu_millicores: whole(told.cpu_cores * 1_000.0),
        bytes_in: whole(told.bytes_in_per_second + told.replication_bytes_in_per_second),
        bytes_out: whole(told.bytes_out_per_second + told.replication_bytes_out_per_second),
        log_bytes: told.disk_used_bytes,
        free_bytes: told.disk_free_bytes,
    }
}

/// What the controller says, unless the broker itself says that it recovers: to the controller that looks like a fence.
const fn state(told: v1::BrokerState, own: Option<v1::BrokerState>) -> BrokerState {
    match (told, own) {
        (v1::BrokerState::Fenced, Some(v1::BrokerState::Recovering)) | (v1::BrokerState::Recovering, _) => {
            BrokerState::Recovering
        }
        (v1::BrokerState::Fenced, Some(v1::BrokerState::Starting))
        | (v1::BrokerState::Unspecified | v1::BrokerState::Starting, _) => BrokerState::Starting,
        (v1::BrokerState::Fenced, _) => BrokerState::Fenced,
        (v1::BrokerState::Active, _) => BrokerState::Active,
        (v1::BrokerState::Draining, _) => BrokerState::Draining,
        (v1::BrokerState::Drained, _) => BrokerState::Drained,
        (v1::BrokerState::ShuttingDown, _) => BrokerState::ShuttingDown,
    }
}

/// Which broker is meant, for certain.
pub(super) fn reference(broker: BrokerRef) -> v1::BrokerRef {
    v1::BrokerRef { id: broker.id.0, incarnation: broker.incarnation.0.to_string() }
}

/// The controller's answer on a broker with that disk.
pub(super) fn may_stop(reply: v1::MayStopReply, incarnation: Incarnation) -> MayStop {
    if reply.may_stop {
        return MayStop::Yes { incarnation };
    }
    MayStop::No { reasons: reply.reasons.into_iter().map(|reason| reason.message).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::view::PartitionView;
    use super::*;

    const DISK: &str = "2cb7d9a0-5a5c-4f4c-8a5c-0c6cfb0f4d11";

    fn told(state: v1::BrokerState) -> v1::BrokerDescription {
        let reference = v1::BrokerRef { id: 1, incarnation: DISK.to_owned() };
        let mut told = v1::BrokerDescription { broker: Some(reference), ..v1::BrokerDescription::default() };
        told.set_state(state);
        told
    }

    fn view(index: u64, in_sync: &[i32]) -> View {
        let partition =
            PartitionView { replicas: vec![0, 1, 2], in_sync: in_sync.to_vec(), ..PartitionView::default() };
        let topic =
            TopicView { min_insync_replicas: 2, partitions: [(0, partition)].into(), ..TopicView::default() };
        View { index, topics: [("T".to_owned(), topic)].into(), ..View::default() }
    }

    #[test]
    fn partitions_are_counted_only_by_a_view_that_is_not_behind() {
        let summary = v1::ClusterSummary { metadata_index: 9, ..v1::ClusterSummary::default() };
        let counts = |view: &View| {
            let snapshot = snapshot(&summary, &[], view, &Sizes::default());
            (snapshot.under_replicated_partitions, snapshot.under_min_isr_partitions)
        };
        assert_eq!(counts(&view(9, &[0, 1, 2])), (Some(0), Some(0)));
        assert_eq!(counts(&view(10, &[0, 1])), (Some(1), Some(0)));
        assert_eq!(counts(&view(10, &[0])), (Some(1), Some(1)));
        assert_eq!(counts(&view(8, &[0, 1, 2])), (None, None));
    }

    #[test]
    fn a_broker_whose_disk_can_not_be_told_is_not_told_of() {
        let mut nameless = told(v1::BrokerState::Active);
        nameless.broker = Some(v1::BrokerRef { id: 1, incarnation: String::new() });
        assert_eq!(broker(&nameless), None);
        let (id, seen) = broker(&told(v1::BrokerState::Active)).unwrap();
        assert_eq!((id, seen.state), (BrokerId(1), BrokerState::Active));
    }

    #[test]
    fn recovery_is_told_by_the_broker_itself() {
        let mut recovering = told(v1::BrokerState::Fenced);
        assert_eq!(broker(&recovering).unwrap().1.state, BrokerState::Fenced);
        let recovery = Some(v1::Recovery { logs_opened: 3, logs_total: 9 });
        let mut measures = v1::BrokerMeasures { recovery, ..v1::BrokerMeasures::default() };
        measures.set_state(v1::BrokerState::Recovering);
        recovering.measures = Some(measures);
        let seen = broker(&recovering).unwrap().1;
        assert_eq!((seen.state, seen.recovery), (BrokerState::Recovering, Some((3, 9))));
    }
}
