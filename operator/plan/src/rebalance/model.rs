//! What the planner is given, and what it gives back: brokers and partitions as they are, the partitions that shall be
//! otherwise, and what each broker holds before and after. Values only.

use weir_model::BrokerId;

/// A cluster as the planner sees it. Partitions that are being moved stand where they will be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Every broker.
    pub brokers: Vec<Broker>,
    /// Every partition.
    pub partitions: Vec<Partition>,
}

impl Layout {
    /// The brokers that end empty.
    pub fn leaving(&self) -> impl Iterator<Item = BrokerId> + '_ {
        let leaves = |broker: &&Broker| broker.standing == Standing::Leaves;
        self.brokers.iter().filter(leaves).map(|broker| broker.id)
    }
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// Where it stands. Brokers that do not say stand together.
    pub rack: Option<String>,
    /// The size of its disk, if it is known.
    pub capacity_bytes: Option<u64>,
    /// What may be done with it.
    pub standing: Standing,
}

/// What may be done with a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It takes replicas and gives some away.
    Takes,
    /// It is away for a while: it keeps what it has, and gets nothing.
    Keeps,
    /// It is drained or lost: it ends with nothing.
    Leaves,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Its topic.
    pub topic_id: String,
    /// Its number.
    pub number: i32,
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Bytes of its log; 0 where nobody said.
    pub bytes: u64,
    /// Bytes a second that producers write; 0 where nobody said.
    pub bytes_in: u64,
    /// Bytes a second that are read from its leader, by followers too; 0 where nobody said.
    pub bytes_out: u64,
    /// It is being moved, or must not be disturbed now: it stays as it is.
    pub pinned: bool,
}

/// How much the planner shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Only what must leave a broker that leaves; nothing else moves.
    Evacuate,
    /// Balance too, once something is out of balance by more than [`Settings::begin_percent`].
    WhenSkewed,
    /// Balance too: what was begun is brought to its end.
    Whole,
}

/// The numbers that the planner goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much to do.
    pub effort: Effort,
    /// How far a broker may be from its share before anything is begun, in percent of the share.
    pub begin_percent: u64,
    /// How far it may be when everything is done, for bytes and rates. Counts end within one.
    pub keep_percent: u64,
    /// How much more than its share of what is written or read a broker bears before anything is done for that. Brokers
    /// that end within `keep_percent` stay below 40 when every rate is told a tenth too high or too low: 1.1 · 1.1 / 0.9. What
    /// was begun is carried out in many steps, and goes on below that.
    pub rates_begin_percent: u64,
    /// How much of each disk stays free, in percent.
    pub headroom_percent: u64,
}

impl Settings {
    /// What clusters get.
    #[must_use]
    pub const fn of(effort: Effort) -> Self {
        let rates_begin_percent = if matches!(effort, Effort::Whole) { 25 } else { 40 };
        Self { effort, begin_percent: 20, keep_percent: 10, rates_begin_percent, headroom_percent: 15 }
    }
}

/// What the planner proposes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// Partitions that only get another preferred leader. They cost nothing and come first.
    pub leaderships: Vec<Change>,
    /// Partitions that get other replicas, what the hard rules demand first.
    pub moves: Vec<Change>,
    /// What can not be mended, and why.
    pub stuck: Vec<Stuck>,
    /// Every broker before and after, in the order of the layout.
    pub brokers: Vec<Account>,
    /// Bytes that are copied.
    pub bytes: u64,
    /// How often a replica was looked at: a measure of cost that no busy machine disturbs.
    pub work: u64,
}

impl Proposal {
    /// Whether nothing shall change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leaderships.is_empty() && self.moves.is_empty()
    }
}

/// One partition that shall be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The place in [`Layout::partitions`].
    pub partition: usize,
    /// Its replicas then, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Bytes that are copied for it.
    pub bytes: u64,
    /// Whether a hard rule demands it.
    pub mends: bool,
}

/// One broker, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which one.
    pub id: BrokerId,
    /// What it holds now.
    pub before: Holding,
    /// What it holds then.
    pub after: Holding,
}

/// What a broker holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Replicas.
    pub replicas: u64,
    /// Partitions that it is to lead.
    pub leaders: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Something that can not be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The place in [`Layout::partitions`].
    pub partition: usize,
    /// Why.
    pub why: Why,
}

/// Why something can not be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It has more replicas than there are brokers that stay.
    TooFewBrokers {
        /// Its replicas.
        replicas: usize,
        /// Brokers that stay.
        brokers: usize,
    },
    /// No broker that takes replicas has room for it.
    NoRoom {
        /// The broker that it should leave.
        leaves: BrokerId,
    },
}
