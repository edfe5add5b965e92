//! What the code knows of itself stands in `broker/README.md` as the code has it. `WEIR_UPDATE_DOCS=1 cargo test -p
//! weir-server the_readme_documents` writes it anew.

use std::sync::{Mutex, PoisonError};

use weir_model::config::settings_as_markdown;

/// Tests run side by side, and each writes the whole file.
static AT_WORK: Mutex<()> = Mutex::new(());

/// Compares what stands between the marks of a part of the README with what is expected there, or writes it.
pub(super) fn documents(part: &str, expected: &str) {
    let _alone = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let (begin, end) =
        (format!("<!-- {part}: begin, written by a test -->\n"), format!("<!-- {part}: end -->"));
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(&begin).expect("the begin mark is missing");
    let (found, after) = rest.split_once(&end).expect("the end mark is missing");
    if std::env::var_os("WEIR_UPDATE_DOCS").is_some() {
        std::fs::write(path, [before, &begin, expected, &end, after].concat()).unwrap();
        return;
    }
    assert!(
        found == expected,
        "stale: run `WEIR_UPDATE_DOCS=1 cargo test -p weir-server the_readme_documents`"
    );
}

#[test]
fn the_readme_documents_every_setting_as_the_table_has_it() {
    documents("settings", &settings_as_markdown());
}
