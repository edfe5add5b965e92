use weir_model::{LeaderEpoch, Millis, Offset};

use super::*;
use crate::disk::{CrashStyle, MemoryDisk, RealDisk};
use crate::{Log, LogConfig};

const BROKER: BrokerId = BrokerId(3);
const TOPIC: TopicId = TopicId(Uuid::from_u128(77));

fn incarnation(n: u128) -> Incarnation {
    Incarnation(Uuid::from_u128(n))
}

fn open(disk: &MemoryDisk, fresh: u128) -> Result<(DataDir<MemoryDisk>, OpenedDataDir), LogError> {
    DataDir::open(disk.clone(), Path::new("/data"), BROKER, incarnation(fresh))
}

fn append(dir: &DataDir<MemoryDisk>, partition: i32) {
    let path = dir.partition_dir(TOPIC, PartitionIndex(partition));
    let (mut log, _) = Log::open(&dir.home(), &path, LogConfig::default()).unwrap();
    let mut builder = weir_model::records::BatchBuilder::new(Offset(0));
    builder.push(weir_model::records::NewRecord::default()).unwrap();
    log.append(&mut builder.build().unwrap(), LeaderEpoch(0), Millis(0)).unwrap();
    log.close().unwrap();
}

#[test]
fn an_identity_is_made_once_and_survives_everything() {
    let disk = MemoryDisk::new();
    let (dir, opened) = open(&disk, 1).unwrap();
    assert_eq!(opened, OpenedDataDir { created: true, clean_shutdown: false });
    assert_eq!((dir.incarnation(), dir.broker()), (incarnation(1), BROKER));
    drop(dir);
    disk.crash(CrashStyle::LoseUnsynced, 0);
    let (dir, opened) = open(&disk, 2).unwrap();
    assert_eq!(opened, OpenedDataDir { created: false, clean_shutdown: false });
    assert_eq!(dir.incarnation(), incarnation(1));
    drop(dir);
    assert!(disk.flip_bit(Path::new("/data/identity"), 20, 1));
    assert!(matches!(open(&disk, 2), Err(LogError::BadFile { .. })));
}

#[test]
fn a_data_directory_has_one_user() {
    let disk = MemoryDisk::new();
    let (dir, _) = open(&disk, 1).unwrap();
    assert!(matches!(open(&disk, 1), Err(LogError::Locked { .. })));
    drop(dir);
    open(&disk, 1).unwrap();
}

#[test]
fn a_clean_shutdown_is_believed_once() {
    let disk = MemoryDisk::new();
    open(&disk, 1).unwrap().0.close().unwrap();
    disk.crash(CrashStyle::LoseUnsynced, 0);
    assert!(open(&disk, 1).unwrap().1.clean_shutdown);
    disk.crash(CrashStyle::LoseUnsynced, 0);
    assert!(!open(&disk, 1).unwrap().1.clean_shutdown);
    let (dir, _) = open(&disk, 1).unwrap();
    dir.home().health().fail();
    assert!(matches!(dir.close(), Err(LogError::Failed)));
}

#[test]
fn partitions_are_listed_and_deleted_topics_stay_deleted() {
    let disk = MemoryDisk::new();
    let (dir, _) = open(&disk, 1).unwrap();
    append(&dir, 10);
    append(&dir, 2);
    disk.create_dir(Path::new("/data/topics/strange")).unwrap();
    assert_eq!(dir.partitions().unwrap(), [(TOPIC, PartitionIndex(2)), (TOPIC, PartitionIndex(10))]);
    let before = disk.changes();
    dir.delete_topic(TOPIC).unwrap();
    dir.delete_topic(TOPIC).unwrap();
    let after = disk.changes();
    for cut in before + 2..=after {
        let disk = MemoryDisk::new();
        let (dir, _) = open(&disk, 1).unwrap();
        append(&dir, 10);
        append(&dir, 2);
        disk.create_dir(Path::new("/data/topics/strange")).unwrap();
        disk.cut_at(cut + 1);
        let _ = dir.delete_topic(TOPIC);
        drop(dir);
        disk.crash(CrashStyle::Scatter, cut);
        let (dir, _) = open(&disk, 1).unwrap();
        let left = dir.partitions().unwrap().len();
        assert!(left == 0 || (left == 2 && cut < before + 2), "cut at {cut}: {left}");
        assert!(disk.list(Path::new("/data/topics")).unwrap().iter().all(|e| !e.name.ends_with(DELETED)));
    }
}

#[test]
fn a_deleted_partition_stays_deleted_and_its_neighbours_stay() {
    for cut in 0..8 {
        let disk = MemoryDisk::new();
        let (dir, _) = open(&disk, 1).unwrap();
        append(&dir, 1);
        append(&dir, 2);
        let before = disk.changes();
        disk.cut_at(before + cut);
        let deleted = dir.delete_partition(TOPIC, PartitionIndex(1)).is_ok();
        drop(dir);
        disk.crash(CrashStyle::LoseUnsynced, cut);
        let (dir, _) = open(&disk, 1).unwrap();
        let left = dir.partitions().unwrap();
        assert!(left.contains(&(TOPIC, PartitionIndex(2))), "cut at {cut}");
        assert!(!deleted || left.len() == 1, "cut at {cut}");
        let names = disk.list(&dir.topic_dir(TOPIC)).unwrap();
        assert!(names.iter().all(|e| !e.name.ends_with(DELETED)));
        dir.delete_partition(TOPIC, PartitionIndex(1)).unwrap();
        assert_eq!(dir.partitions().unwrap(), [(TOPIC, PartitionIndex(2))]);
        append(&dir, 1);
        assert_eq!(dir.partitions().unwrap().len(), 2);
    }
}

#[test]
fn the_real_disk_does_as_well() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    let (dir, opened) = DataDir::open(RealDisk, &path, BROKER, incarnation(1)).unwrap();
    assert!(opened.created && dir.space().unwrap().total > 0);
    assert!(matches!(DataDir::open(RealDisk, &path, BROKER, incarnation(1)), Err(LogError::Locked { .. })));
    dir.close().unwrap();
    assert!(DataDir::open(RealDisk, &path, BROKER, incarnation(2)).unwrap().1.clean_shutdown);
}
