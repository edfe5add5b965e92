//! Making one decision after the other on an image that holds those before, and what a full disk allows.

use tokio::sync::oneshot;
use weir_core::controller::{Decision, Entropy, Image, Record};

use super::DecideError;

/// Tells the one who asked.
pub(super) type Deliver = Box<dyn FnOnce(Result<(), DecideError>) + Send>;

/// A request for a decision.
pub(super) trait Request: Send {
    /// Makes it.
    fn decide(self: Box<Self>, image: &Image, entropy: &mut Entropy<'_>) -> Prepared;
    /// Answers without making it.
    fn refuse(self: Box<Self>, why: DecideError);
}

/// What a decision came to, its reply sealed until the records are committed.
pub(super) struct Prepared {
    pub(super) records: Vec<Record>,
    pub(super) deliver: Deliver,
}

/// A function that decides, and where its reply goes.
pub(super) struct Asked<F, R> {
    pub(super) decide: F,
    pub(super) answer: oneshot::Sender<Result<R, DecideError>>,
}

impl<F, R> Request for Asked<F, R>
where
    F: FnOnce(&Image, &mut Entropy<'_>) -> Decision<R> + Send,
    R: Send + 'static,
{
    fn decide(self: Box<Self>, image: &Image, entropy: &mut Entropy<'_>) -> Prepared {
        let Self { decide, answer } = *self;
        let Decision { records, reply } = decide(image, entropy);
        let deliver: Deliver = Box::new(move |committed| {
            // Whoever asked may have gone.
            let _ = answer.send(committed.map(|()| reply));
        });
        Prepared { records, deliver }
    }

    fn refuse(self: Box<Self>, why: DecideError) {
        let _ = self.answer.send(Err(why));
    }
}

/// Makes a decision on the image, and puts it in. A decision that can not be taken leaves the image as it was.
pub(super) fn prepare(
    request: Box<dyn Request>,
    image: &mut Image,
    draw: &mut dyn FnMut() -> u64,
    disk_is_full: bool,
) -> Result<Prepared, (Deliver, DecideError)> {
    let prepared = request.decide(image, &mut Entropy::new(draw));
    if disk_is_full && prepared.records.iter().any(|record| grows(image, record)) {
        return Err((prepared.deliver, DecideError::DiskFull));
    }
    let mut changed = image.clone();
    for record in &prepared.records {
        if let Err(why) = changed.apply(record) {
            return Err((prepared.deliver, DecideError::Contradiction(why.to_string())));
        }
    }
    *image = changed;
    Ok(prepared)
}

/// Whether the metadata is larger for good with the record. What keeps the cluster alive (leaders, fencing) is not
/// refused on a full disk, and neither is what makes room.
fn grows(image: &Image, record: &Record) -> bool {
    match record {
        Record::TopicCreated { .. } | Record::ProducerIdsAllocated { .. } => true,
        Record::ConfigChanged { value, .. } => value.is_some(),
        Record::PartitionChanged { topic, index, .. } => image.partition(*topic, *index).is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{TopicId, TopicName};

    use super::*;

    fn topic(n: u128, name: &str) -> Record {
        Record::TopicCreated { id: TopicId(Uuid::from_u128(n)), name: TopicName::new(name).unwrap() }
    }

    fn asked(records: Vec<Record>) -> (Box<dyn Request>, oneshot::Receiver<Result<(), DecideError>>) {
        let (answer, answered) = oneshot::channel();
        let decide = move |_: &Image, _: &mut Entropy<'_>| Decision { records, reply: () };
        (Box::new(Asked { decide, answer }), answered)
    }

    fn decide(image: &mut Image, records: Vec<Record>, full: bool) -> Result<usize, DecideError> {
        let (request, _answered) = asked(records);
        match prepare(request, image, &mut || 0, full) {
            Ok(prepared) => Ok(prepared.records.len()),
            Err((_, why)) => Err(why),
        }
    }

    #[test]
    fn each_decision_sees_those_before_it() {
        let mut image = Image::default();
        assert_eq!(decide(&mut image, vec![topic(1, "a")], false), Ok(1));
        let why = decide(&mut image, vec![topic(2, "b"), topic(3, "a")], false).unwrap_err();
        assert!(matches!(why, DecideError::Contradiction(_)));
        assert!(image.topic("b").is_none(), "all of it or nothing");
        assert_eq!(decide(&mut image, vec![topic(2, "b")], false), Ok(1));
    }

    #[test]
    fn a_full_disk_refuses_what_grows_and_takes_what_makes_room() {
        let mut image = Image::default();
        decide(&mut image, vec![topic(1, "a")], false).unwrap();
        assert_eq!(decide(&mut image, vec![topic(2, "b")], true), Err(DecideError::DiskFull));
        let deleted = Record::TopicDeleted { id: TopicId(Uuid::from_u128(1)) };
        assert_eq!(decide(&mut image, vec![deleted], true), Ok(1));
        assert_eq!(decide(&mut image, vec![], true), Ok(0));
    }
}
