use std::path::Path;

use weir_log::{Home, Log, LogConfig, MemoryDisk};
use weir_model::records::{BatchBuilder, NewRecord};
use weir_model::{LeaderEpoch, Millis, Offset};

use super::*;

/// As many as are worth doing together.
const MANY: usize = 8;

struct Bench {
    disk: MemoryDisk,
    metrics: Arc<Metrics>,
    syncs: Arc<Syncs<MemoryDisk>>,
    logs: Vec<Log<MemoryDisk>>,
}

impl Bench {
    /// As many run already as may, so that whoever comes has to wait.
    fn new(dirty_bytes: fn() -> Option<u64>) -> Self {
        let disk = MemoryDisk::new();
        for dir in ["/data", "/data/topics", "/data/topics/t"] {
            disk.create_dir(dir.as_ref()).unwrap();
        }
        let file: &Path = "/data/lock".as_ref();
        drop(disk.lock(file).unwrap());
        let volume = Some(Arc::new(disk.volume(file).unwrap()));
        let home = Home::new(disk.clone(), "/data".as_ref());
        let open = |number: usize| {
            let dir = format!("/data/topics/t/{number}");
            Log::open(&home, dir.as_ref(), LogConfig::default()).unwrap().0
        };
        let logs = (0..MANY).map(open).collect();
        let metrics = Arc::new(Metrics::register().unwrap());
        let syncs = Syncs { dirty_bytes, ..Syncs::new(volume, Arc::clone(&metrics)) };
        syncs.state().running.any = 4;
        Self { disk, metrics, syncs: Arc::new(syncs), logs }
    }

    fn job(&mut self, number: usize) -> SyncJob<MemoryDisk> {
        let mut batch = BatchBuilder::new(Offset::ZERO);
        batch.push(NewRecord { value: Some(b"value"), ..NewRecord::default() }).unwrap();
        let log = &mut self.logs[number];
        log.append(&mut batch.build().unwrap(), LeaderEpoch(1), Millis(0)).unwrap();
        log.sync_job().unwrap().unwrap()
    }

    fn submit(&mut self, numbers: std::ops::Range<usize>) -> Vec<oneshot::Receiver<Outcome>> {
        numbers
            .map(|number| {
                let job = self.job(number);
                self.syncs.submit(job)
            })
            .collect()
    }

    /// All of them end well.
    async fn take(&mut self, answers: Vec<oneshot::Receiver<Outcome>>) {
        for (log, answer) in self.logs.iter_mut().zip(answers) {
            let done = tokio::time::timeout(Duration::from_secs(20), answer).await;
            let done = done.expect("an answer").expect("it did not panic").unwrap();
            assert_eq!(log.synced(done).unwrap(), Offset(1));
        }
    }
}

#[tokio::test]
async fn many_that_wait_are_one_sync() {
    let mut bench = Bench::new(|| Some(0));
    let before = bench.disk.syncs();
    let mut answers = bench.submit(0..MANY - 1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.disk.syncs(), before, "a few wait for their turn");
    answers.extend(bench.submit(MANY - 1..MANY));
    bench.take(answers).await;
    assert_eq!(bench.disk.syncs() - before, 1);
    assert_eq!((bench.metrics.shared_syncs.get(), bench.metrics.shared_sync_jobs.get()), (1, MANY as u64));
    let over = async {
        while bench.syncs.state().running.together {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("the next may begin");
}

#[tokio::test]
async fn where_others_have_much_to_write_each_is_synced_for_itself() {
    for dirty_bytes in [|| Some(u64::MAX), || None] as [fn() -> Option<u64>; 2] {
        let mut bench = Bench::new(dirty_bytes);
        let answers = bench.submit(0..MANY);
        bench.take(answers).await;
        assert_eq!((bench.metrics.shared_syncs.get(), bench.metrics.shared_sync_jobs.get()), (0, 0));
        assert!(bench.disk.syncs() >= MANY as u64);
        assert!(bench.syncs.state().together_not_before.is_some());
    }
}

#[tokio::test]
async fn one_that_wants_its_own_is_not_held_up_by_the_others() {
    let mut bench = Bench::new(|| Some(0));
    let waiting = bench.submit(0..3);
    bench.logs[3].set_config(LogConfig { checkpoint_bytes: 1, ..LogConfig::default() });
    let job = bench.job(3);
    assert!(job.wants_its_own(), "much came since the last checkpoint");
    let done = tokio::time::timeout(Duration::from_secs(20), bench.syncs.submit(job)).await;
    let done = done.expect("an answer").expect("it did not panic").unwrap();
    assert_eq!(bench.logs[3].synced(done).unwrap(), Offset(1));
    assert_eq!((bench.metrics.shared_syncs.get(), bench.syncs.state().any.len()), (0, waiting.len()));
}

#[tokio::test]
async fn a_failed_sync_is_told_to_all() {
    let mut bench = Bench::new(|| Some(0));
    let answers = bench.submit(0..MANY - 1);
    bench.disk.fail_syncs(true);
    let last = bench.submit(MANY - 1..MANY);
    for (log, answer) in bench.logs.iter_mut().zip(answers.into_iter().chain(last)) {
        let done = answer.await.expect("it did not panic").unwrap();
        assert!(log.synced(done).is_err());
        assert_eq!(log.durable_end(), Offset(0));
    }
}

#[tokio::test]
async fn when_one_panics_nobody_waits_for_ever() {
    let mut bench = Bench::new(|| Some(0));
    let answers = bench.submit(0..3);
    let syncs = Arc::clone(&bench.syncs);
    let panicked = std::thread::spawn(move || {
        let _begun = Begun { syncs: &syncs, kind: Kind::Any };
        panic!("a job");
    });
    assert!(panicked.join().is_err());
    for answer in answers {
        assert!(answer.await.is_err());
    }
    assert_eq!(bench.syncs.state().running.any, 3);
}
