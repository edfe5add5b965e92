//! What every disk must do, run against both.

use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use super::*;

type Check = fn(&dyn Fn(&str) -> PathBuf, Kind);

fn on_both(check: Check) {
    let real = tempfile::tempdir().unwrap();
    check(&|name| real.path().join(name), Kind::Real(RealDisk));
    check(&|name| Path::new("/").join(name), Kind::Memory(MemoryDisk::new()));
}

enum Kind {
    Real(RealDisk),
    Memory(MemoryDisk),
}

macro_rules! conforms {
    ($($(#[$doc:meta])* fn $name:ident($disk:ident, $at:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check<D: Disk>($disk: &D, $at: &dyn Fn(&str) -> PathBuf) $body
            on_both(|at, kind| match kind {
                Kind::Real(disk) => check(&disk, at),
                Kind::Memory(disk) => check(&disk, at),
            });
        }
    )*};
}

fn put<F: DiskFile>(file: &F, bytes: &[u8], position: u64) {
    write_all(file, &mut [IoSlice::new(bytes)], position).unwrap();
}

fn get<F: DiskFile>(file: &F) -> Vec<u8> {
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_exact(file, &mut bytes, 0).unwrap();
    bytes
}

conforms! {
    fn bytes_are_read_where_they_were_written(disk, at) {
        let file = disk.create(&at("f")).unwrap();
        assert!(file.is_empty().unwrap());
        write_all(&file, &mut [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")], 0).unwrap();
        put(&file, b"X", 1);
        put(&file, b"far", 8);
        assert_eq!(get(&file), b"aXcde\0\0\0far");
        let mut tail = [0; 10];
        assert_eq!(file.read_at(&mut tail, 9).unwrap(), 2);
        assert_eq!(file.read_at(&mut tail, 99).unwrap(), 0);
        assert_eq!(disk.file_len(&at("f")).unwrap(), 11);
    }

    fn a_file_is_created_once(disk, at) {
        disk.create(&at("f")).unwrap();
        assert_eq!(disk.create(&at("f")).err().unwrap().kind(), ErrorKind::AlreadyExists);
        assert_eq!(disk.open(&at("g")).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(disk.create(&at("no/f")).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(disk.file_len(&at("g")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn lengths_are_cut_and_extended_with_zeros(disk, at) {
        let file = disk.create(&at("f")).unwrap();
        put(&file, b"hello", 0);
        file.set_len(2).unwrap();
        file.set_len(4).unwrap();
        assert_eq!(get(&file), b"he\0\0");
    }

    fn room_that_is_kept_changes_nothing_to_see(disk, at) {
        let file = disk.create(&at("f")).unwrap();
        put(&file, b"hello", 0);
        match file.reserve(5, 1 << 20) {
            Ok(()) => {}
            // On what file system the test runs is not ours to say.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        }
        assert_eq!(get(&file), b"hello");
        put(&file, b", world", 5);
        file.set_len(12).unwrap();
        assert_eq!(get(&file), b"hello, world");
    }

    fn a_removed_file_is_still_read_through_its_handle(disk, at) {
        let file = disk.create(&at("f")).unwrap();
        put(&file, b"held", 0);
        disk.remove(&at("f")).unwrap();
        assert_eq!(get(&file), b"held");
        file.sync_data().unwrap();
        assert_eq!(disk.remove(&at("f")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn a_rename_replaces_and_moves_the_name(disk, at) {
        put(&disk.create(&at("a")).unwrap(), b"new", 0);
        put(&disk.create(&at("b")).unwrap(), b"old", 0);
        let old = disk.open(&at("b")).unwrap();
        disk.rename(&at("a"), &at("b")).unwrap();
        assert_eq!(get(&disk.open(&at("b")).unwrap()), b"new");
        assert_eq!(get(&old), b"old");
        assert_eq!(disk.rename(&at("a"), &at("b")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn directories_list_their_names_in_order(disk, at) {
        disk.create_dir(&at("d")).unwrap();
        assert_eq!(disk.create_dir(&at("d")).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(disk.create_dir(&at("x/y")).unwrap_err().kind(), ErrorKind::NotFound);
        disk.create(&at("d/b")).unwrap();
        disk.create_dir(&at("d/a")).unwrap();
        let entry = |name: &str, is_dir| DirEntry { name: name.into(), is_dir };
        assert_eq!(disk.list(&at("d")).unwrap(), [entry("a", true), entry("b", false)]);
        assert_eq!(disk.list(&at("e")).unwrap_err().kind(), ErrorKind::NotFound);
        disk.sync_dir(&at("d")).unwrap();
        disk.rename(&at("d"), &at("e")).unwrap();
        assert_eq!(disk.list(&at("e")).unwrap().len(), 2);
        disk.remove_tree(&at("e")).unwrap();
        assert_eq!(disk.list(&at("e")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    fn a_lock_is_held_by_one(disk, at) {
        let lock = disk.lock(&at("lock")).unwrap();
        assert_eq!(disk.lock(&at("lock")).err().unwrap().kind(), ErrorKind::WouldBlock);
        drop(lock);
        disk.lock(&at("lock")).unwrap();
    }

    fn there_is_room_to_ask_about(disk, at) {
        let space = disk.space(&at("")).unwrap();
        assert!(space.free > 0 && space.total >= space.free);
    }

    fn a_volume_is_that_of_a_file_and_syncs_or_says_that_it_can_not(disk, at) {
        assert_eq!(disk.volume(&at("f")).err().unwrap().kind(), ErrorKind::NotFound);
        let file = disk.create(&at("f")).unwrap();
        put(&file, b"some", 0);
        match disk.volume(&at("f")) {
            Ok(volume) => {
                assert!(volume.holds(&file));
                volume.sync().unwrap();
            }
            // On what file system the test runs is not ours to say.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        }
    }

    fn a_file_is_replaced_as_a_whole(disk, at) {
        replace_file(disk, &at("f"), b"one", true).unwrap();
        replace_file(disk, &at("f"), b"two", false).unwrap();
        assert_eq!(read_file(disk, &at("f"), 3).unwrap(), b"two");
        assert_eq!(read_file(disk, &at("f"), 2).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
