//! The settings in `broker/README.md` are the table that validates them. `WEIR_UPDATE_DOCS=1 cargo test -p weir-server
//! the_readme_documents` writes them anew.

use weir_model::config::settings_as_markdown;

const BEGIN: &str = "<!-- settings: begin, written by a test -->\n";
const END: &str = "<!-- settings: end -->";

#[test]
fn the_readme_documents_every_setting_as_the_table_has_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the begin mark is missing");
    let (table, after) = rest.split_once(END).expect("the end mark is missing");
    let expected = settings_as_markdown();
    if std::env::var_os("WEIR_UPDATE_DOCS").is_some() {
        std::fs::write(path, [before, BEGIN, &expected, END, after].concat()).unwrap();
        return;
    }
    assert!(
        table == expected,
        "stale: run `WEIR_UPDATE_DOCS=1 cargo test -p weir-server the_readme_documents`"
    );
}
