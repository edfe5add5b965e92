//! A kubectl of a few lines of shell: notes how it was called and answers what it was given.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::rebalance::target::Target;

pub(super) struct FakeKubectl {
    folder: TempDir,
}

impl FakeKubectl {
    /// Answers `get` and `patch` with these.
    pub(super) fn new(got: &Value, patched: &Value) -> Self {
        let fake = Self::doing("echo \"$@\" >> \"$0.calls\"; cat \"$0.$1\"");
        std::fs::write(fake.path("kubectl.get"), got.to_string()).unwrap();
        std::fs::write(fake.path("kubectl.patch"), patched.to_string()).unwrap();
        fake
    }

    /// Does what the shell is told. It is written by a process of its own: a file that is still open for writing somewhere,
    /// as it would be in what other tests start meanwhile, can not be executed.
    pub(super) fn doing(script: &str) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
            .arg(fake.path("kubectl"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        fake
    }

    pub(super) fn target(&self) -> Target {
        Target { kubectl: self.path("kubectl"), ..Target::default() }
    }

    /// The words of each call.
    pub(super) fn calls(&self) -> Vec<String> {
        let noted = std::fs::read_to_string(self.path("kubectl.calls")).unwrap();
        noted.lines().map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
