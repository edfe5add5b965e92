//! The leader's side of replication: what another replica fetches, and what its asking proves of how far it has come.
//! Records are served as soon as they are in the log, before they are synced here: a follower's disk works at the same
//! time as ours.

use weir_core::partition::{FollowerFetch, FollowerRead, ReadBound, Reader};

use super::Driver;
use crate::clock;
use crate::net::outgoing::ServedDisk;
use crate::partition::command::{Answer, ReadReply, Serve};
use crate::partition::error::PartitionError;
use crate::partition::waiters::Extent;

impl<D: ServedDisk> Driver<D> {
    pub(super) fn serve(&mut self, serve: Serve, answer: Answer<ReadReply>) {
        let reply = self.served(&serve);
        let Serve { follower, from, at_least_one, interest, .. } = serve;
        match &reply {
            Ok(reply)
                if reply.diverging.is_none()
                    && reply.span.is_none()
                    && has_all(reply, from, at_least_one) =>
            {
                let seen = Extent {
                    start: reply.bound.log_start,
                    high_watermark: reply.bound.high_watermark,
                    end: reply.bound.limit,
                };
                self.work.waiters.add_follower(follower, interest, seen);
            }
            // It asks again when it has done what this answer leads to.
            Ok(_) | Err(_) => self.work.waiters.remove_follower(follower),
        }
        let _ = answer.send(reply);
    }

    fn served(&mut self, serve: &Serve) -> Result<ReadReply, PartitionError> {
        let read = self.heard(serve)?;
        let bound = match read {
            FollowerRead::From(bound) => bound,
            FollowerRead::Diverging(parts) => {
                let start = self.replica.log_start();
                let bound = ReadBound {
                    limit: start,
                    high_watermark: self.replica.high_watermark(),
                    last_stable_offset: self.replica.last_stable_offset(),
                    log_start: start,
                };
                return Ok(ReadReply { bound, span: None, diverging: Some(parts), preferred: None });
            }
        };
        let slice = match serve.from < bound.limit {
            true => {
                let slice = self.log.read(serve.from, bound.limit, serve.max_bytes, serve.at_least_one);
                slice.map_err(|error| self.distrust(error, serve.from))?
            }
            false => None,
        };
        if slice.is_some() {
            self.notice_repeat(serve.follower, serve.from);
        }
        Ok(ReadReply { bound, span: slice.map(D::span), diverging: None, preferred: None })
    }

    /// Takes what the follower's asking proves, if it proves anything.
    fn heard(&mut self, serve: &Serve) -> Result<FollowerRead, PartitionError> {
        let Some(proof) = serve.proof else {
            let reader = Reader::Follower(serve.follower);
            return Ok(FollowerRead::From(self.replica.read(
                reader,
                serve.from,
                Some(serve.leader_epoch),
            )?));
        };
        let fetch = FollowerFetch {
            broker: serve.follower,
            broker_epoch: proof.broker_epoch,
            eligible: proof.eligible,
            leader_epoch: serve.leader_epoch,
            offset: serve.from,
            last_fetched_epoch: proof.last_fetched_epoch,
        };
        let reigns = self.reigns();
        let read = self.replica.follower_fetch(fetch, &reigns, clock::steady(), &mut self.work.effects)?;
        // Writers that waited for this follower are answered before it is.
        self.settle();
        Ok(read)
    }

    /// Tells the replicas that have everything what is new.
    pub(super) fn tell_followers(&mut self) {
        self.work.waiters.extend(Extent {
            start: self.replica.log_start(),
            high_watermark: self.replica.high_watermark(),
            end: self.replica.log_end(),
        });
    }
}

/// Whether the follower had nothing more to get, not only no room for it. Compaction may have left nothing after its
/// offset: then it has all there is.
fn has_all(reply: &ReadReply, from: weir_model::Offset, room: bool) -> bool {
    room || from >= reply.bound.limit
}
