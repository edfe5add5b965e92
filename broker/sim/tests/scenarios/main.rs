//! What a cluster has to survive, scenario by scenario: each is a story in the simulator, under the number that it has in
//! the table of the README. A story is a function of the bug that is planted, so that the planted bugs name the story that
//! catches them.

mod planted;
mod replication;

use weir_sim::Report;
use weir_sim::planted::Bug;
use weir_sim::script::{Scene, Script, Told, play};

/// A story, with a bug or without.
type Story = fn(Option<Bug>) -> Report;

/// What came of a story.
fn told(scene: Scene, story: impl AsyncFnOnce(&Script) -> Told) -> Report {
    play(scene, story).expect("the world runs")
}

/// The story ends as it should, and every check of the simulator finds nothing.
fn holds(story: Story) {
    let report = story(None);
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
}
