//! What a cluster has to survive, scenario by scenario: each is a story in the simulator, under the number that it has in
//! the table of the README. A story is a function of how it is told: with other chances every test of it holds all the same,
//! and with a bug planted it has to fail.

mod clients;
mod groups;
mod isolation;
mod planted;
mod quorum;
mod replication;
mod storage;

use weir_sim::Report;
use weir_sim::script::{Scene, Script, Telling, Told, play};

/// A story.
type Story = fn(Telling) -> Report;

/// Each of them.
const STORIES: [&[(&str, Story)]; 6] = [
    replication::STORIES,
    isolation::STORIES,
    storage::STORIES,
    quorum::STORIES,
    groups::STORIES,
    clients::STORIES,
];

/// What came of a story.
fn told(scene: Scene, story: impl AsyncFnOnce(&Script) -> Told) -> Report {
    play(scene, story).expect("the world runs")
}

/// The story ends as it should, and every check of the simulator finds nothing.
fn holds(story: Story) {
    let report = story(Telling { seed: 1, bug: None });
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
}

#[test]
#[ignore = "takes minutes without optimisation: make sim-stories"]
fn every_story_holds_with_other_chances() {
    let mut failed = Vec::new();
    for (name, story) in STORIES.into_iter().flatten() {
        for seed in 2..12 {
            let report = story(Telling { seed, bug: None });
            if !report.violations.is_empty() {
                failed.push(format!("{name} with seed {seed}: {:#?}", report.violations));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
