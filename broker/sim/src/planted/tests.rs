//! Each planted bug is caught by one seed of a small range.

use super::Bug;

#[test]
fn every_bug_has_a_name_of_its_own() {
    for bug in Bug::ALL {
        assert_eq!(Bug::named(&format!("{bug:?}")), Some(*bug));
    }
}
