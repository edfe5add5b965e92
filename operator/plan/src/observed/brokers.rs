//! What the brokers say of themselves, in the plan's own words: the controller translates the admin service's.

use std::collections::BTreeMap;

use weir_model::{BrokerId, Incarnation};

/// What is known of the brokers.
#[derive(Clone, Debug, PartialEq)]
pub enum BrokersView {
    /// A broker answered, and a controller was there.
    Known(Snapshot),
    /// None did. Not knowing is a reason to wait.
    Unknown {
        /// Why, for people.
        why: String,
    },
}

impl BrokersView {
    /// The snapshot, if there is one.
    #[must_use]
    pub fn known(&self) -> Option<&Snapshot> {
        match self {
            Self::Known(snapshot) => Some(snapshot),
            Self::Unknown { .. } => None,
        }
    }
}

/// The cluster as its controller described it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The cluster's id.
    pub cluster_id: String,
    /// The broker that decides, if there is one.
    pub controller: Option<BrokerId>,
    /// Every registered broker.
    pub brokers: BTreeMap<BrokerId, BrokerSeen>,
    /// Partitions without a leader.
    pub offline_partitions: u64,
    /// Partitions whose ISR is not whole; `None` when nobody counted.
    pub under_replicated_partitions: Option<u64>,
    /// Partitions that take no writes with acks=all; `None` when nobody counted.
    pub under_min_isr_partitions: Option<u64>,
    /// Partitions that are being moved.
    pub moving_partitions: u64,
    /// The finalised level of `metadata.version`.
    pub metadata_version: i32,
    /// Every partition; `None` when nobody told.
    pub partitions: Option<Vec<PartitionState>>,
    /// Partitions that may be written and read, and nobody could say yet how much.
    pub rates_unknown: u64,
    /// The answers to "may it stop?", of this pass. [`crate::questions`] says whom to ask about.
    pub may_stop: BTreeMap<BrokerId, MayStop>,
}

/// One broker, for certain: an id is used again when a disk is replaced, an incarnation never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokerRef {
    /// Its id.
    pub id: BrokerId,
    /// The identity of its disk.
    pub incarnation: Incarnation,
}

/// One registered broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerSeen {
    /// The identity of its disk.
    pub incarnation: Incarnation,
    /// What it is doing.
    pub state: BrokerState,
    /// Whether the controller counts on it.
    pub fenced: bool,
    /// Whether it was told to drain.
    pub drained: bool,
    /// Where it stands.
    pub rack: Option<String>,
    /// Where clients are told to reach it, by listener: the broker's own upper-case names.
    pub listeners: BTreeMap<String, HostPort>,
    /// Replicas that the metadata places on it.
    pub replicas: u64,
    /// Partitions that it leads.
    pub leaders: u64,
    /// Its version, if it was asked.
    pub version: Option<String>,
    /// Logs opened and logs there are, while it recovers.
    pub recovery: Option<(u64, u64)>,
    /// Why its disk does not work, if so.
    pub disk_failed: bool,
    /// The size of its disk, if it said so.
    pub disk_bytes: Option<u64>,
    /// What it bears, if it said so.
    pub measures: Option<Measures>,
}

/// What a broker bears, by its own account, over the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Thousandths of a core.
    pub cpu_millicores: u64,
    /// Bytes a second that come in, from producers and from leaders.
    pub bytes_in: u64,
    /// Bytes a second that go out, to consumers and to followers.
    pub bytes_out: u64,
    /// Bytes that its logs take.
    pub log_bytes: u64,
    /// Bytes that are free beside them.
    pub free_bytes: u64,
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Its topic's name.
    pub topic: String,
    /// Its topic's id.
    pub topic_id: String,
    /// Its number.
    pub number: i32,
    /// Its replicas, the preferred leader first; while it moves, old and new ones.
    pub replicas: Vec<BrokerId>,
    /// Those in sync.
    pub in_sync: Vec<BrokerId>,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// Replicas that a move adds.
    pub adding: Vec<BrokerId>,
    /// Replicas that a move takes away.
    pub removing: Vec<BrokerId>,
    /// Grows at every change; a move names the one that was looked at.
    pub epoch: i32,
    /// Its min.insync.replicas.
    pub min_in_sync: usize,
    /// Bytes of its log; 0 when nobody said.
    pub bytes: u64,
    /// Bytes a second that producers write, over minutes; 0 when nobody said.
    pub bytes_in: u64,
    /// Bytes a second that consumers and followers read from its leader, over minutes; 0 when nobody said.
    pub bytes_out: u64,
}

impl PartitionState {
    /// Whether it is being moved.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// Its replicas once no move is left, in order.
    #[must_use]
    pub fn target(&self) -> Vec<BrokerId> {
        self.replicas.iter().copied().filter(|id| !self.removing.contains(id)).collect()
    }
}

impl Default for BrokerSeen {
    fn default() -> Self {
        Self {
            incarnation: Incarnation::default(),
            state: BrokerState::Active,
            fenced: false,
            drained: false,
            rack: None,
            listeners: BTreeMap::new(),
            replicas: 0,
            leaders: 0,
            version: None,
            recovery: None,
            disk_failed: false,
            disk_bytes: None,
            measures: None,
        }
    }
}

/// What a broker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokerState {
    /// Nothing is served yet, or nobody said.
    Starting,
    /// It opens its logs. Never a reason to kill it.
    Recovering,
    /// It serves.
    Active,
    /// The controller does not hear of it.
    Fenced,
    /// It gets no new replicas, and still holds some.
    Draining,
    /// It is drained and holds none.
    Drained,
    /// It gives up its leaderships in order to stop.
    ShuttingDown,
}

/// An address.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The controller's word on stopping one broker, of this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayStop {
    /// Nothing speaks against it, for this incarnation.
    Yes {
        /// The disk that the answer is about.
        incarnation: Incarnation,
    },
    /// Something does, and may pass.
    No {
        /// The sentences.
        reasons: Vec<String>,
    },
    /// The question was not answered.
    Unknown {
        /// Why.
        why: String,
    },
}
