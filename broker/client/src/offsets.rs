//! Where a partition begins and ends, and which offset stands at a time: ListOffsets, for many partitions at once.

use std::collections::BTreeMap;

use weir_model::{BrokerId, LeaderEpoch, Millis, Offset, PartitionIndex};
use weir_wire::ApiKey;
use weir_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use crate::client::Client;
use crate::deadline::Deadline;
use crate::error::ClientError;
use crate::retry::{Verdict, backoff, judge};
use crate::route::Route;

/// A partition by topic name and number.
pub type Place = (String, PartitionIndex);

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first that is still there.
    Earliest,
    /// The one after the last that a consumer may read.
    Latest,
    /// The first whose time is this or later.
    Time(Millis),
}

impl At {
    fn wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            // Negative times have meanings of their own.
            Self::Time(time) => time.0.max(0),
        }
    }
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The offset; none when no record is as late as the time asked for.
    pub offset: Option<Offset>,
    /// Its record's time, when asked by time.
    pub timestamp: Millis,
    /// Its leader epoch, or none when not known.
    pub leader_epoch: LeaderEpoch,
}

impl Client {
    /// Looks the offset up in each partition; all of them, or an error.
    pub async fn offsets(&self, places: &[Place], at: At) -> Result<BTreeMap<Place, Found>, ClientError> {
        let deadline = self.deadline();
        let mut found = BTreeMap::new();
        for attempt in 1.. {
            let missing: Vec<&Place> = places.iter().filter(|place| !found.contains_key(*place)).collect();
            if missing.is_empty() {
                break;
            }
            let Err(error) = self.offsets_once(&missing, at, deadline, &mut found).await else { continue };
            let verdict = judge(&error, self.options().outlive_restarts);
            let wait = backoff(attempt);
            if verdict == Verdict::Fail {
                return Err(error);
            }
            if deadline.left() <= wait {
                return Err(ClientError::GaveUp { given: deadline.given(), last: Box::new(error) });
            }
            tokio::time::sleep(wait).await;
            for (topic, partition) in missing {
                self.forget(&Route::Leader { topic: topic.clone(), partition: *partition });
            }
        }
        Ok(found)
    }

    /// One request to each leader. What was found before a failure stays found.
    async fn offsets_once(
        &self,
        places: &[&Place],
        at: At,
        deadline: Deadline,
        found: &mut BTreeMap<Place, Found>,
    ) -> Result<(), ClientError> {
        let mut by_leader: BTreeMap<BrokerId, Vec<&Place>> = BTreeMap::new();
        for place in places {
            let leader = self.leader(&place.0, place.1, deadline).await?;
            by_leader.entry(leader).or_default().push(place);
        }
        for (leader, places) in by_leader {
            let connection = self.connection(&Route::Broker(leader), deadline).await?;
            let request = request(&places, at);
            let response = connection.call(&request, deadline).await?;
            let mut answered = 0;
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let place = (topic.name.to_string(), PartitionIndex(partition.partition_index));
                    if !places.contains(&&place) {
                        continue;
                    }
                    answered += 1;
                    let subject = || format!("partition {}-{}", place.0, place.1);
                    ClientError::check(subject, partition.error_code, None)?;
                    let answer = Found {
                        offset: (partition.offset >= 0).then_some(Offset(partition.offset)),
                        timestamp: Millis(partition.timestamp),
                        leader_epoch: LeaderEpoch(partition.leader_epoch),
                    };
                    found.insert(place, answer);
                }
            }
            if answered < places.len() {
                return Err(ClientError::Nonsense {
                    address: connection.address().clone(),
                    api: ApiKey::ListOffsets,
                    what: format!("{answered} of {} partitions are in the answer", places.len()),
                });
            }
        }
        Ok(())
    }
}

fn request(places: &[&Place], at: At) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (topic, partition) in places {
        topics.entry(topic).or_default().push(ListOffsetsPartition {
            partition_index: partition.0,
            timestamp: at.wire(),
            ..Default::default()
        });
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| ListOffsetsTopic { name: name.into(), partitions })
        .collect();
    ListOffsetsRequest { replica_id: -1, topics, ..Default::default() }
}
