//! The settings tables as Markdown, for the README. A test compares the two, so the README can not grow stale.

use std::fmt::Write;

use super::setting::{Scope, Setting, Support};
use super::{BROKER_SETTINGS, TOPIC_SETTINGS};

/// Both tables, topic settings first.
#[must_use]
pub fn settings_as_markdown() -> String {
    let mut out = String::new();
    table(&mut out, "Topic settings", TOPIC_SETTINGS);
    out.push('\n');
    table(&mut out, "Broker settings", BROKER_SETTINGS);
    out
}

fn table(out: &mut String, title: &str, settings: &[Setting]) {
    // Writing to a String does not fail.
    let _ = write!(
        out,
        "### {title}\n\n| Setting | Default | Legal values | Change | Meaning |\n|---|---|---|---|---|\n"
    );
    for setting in settings {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            setting.name,
            default(setting),
            setting.kind.to_string().replace('|', "\\|"),
            change(setting),
            meaning(setting),
        );
    }
}

fn default(setting: &Setting) -> String {
    match setting.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some("9223372036854775807" | "1.7976931348623157E308") => "no limit".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

fn change(setting: &Setting) -> String {
    match setting.scope {
        Scope::BrokerReadOnly => "at start".to_owned(),
        Scope::BrokerDynamic => "running".to_owned(),
        Scope::Topic if setting.synonyms.is_empty() => "running".to_owned(),
        Scope::Topic => {
            let names: Vec<_> = setting.synonyms.iter().map(|s| format!("`{}`", s.name)).collect();
            format!("running; default from {}", names.join(", "))
        }
    }
}

fn meaning(setting: &Setting) -> String {
    match setting.support {
        Support::Honoured => setting.doc.to_owned(),
        Support::Accepted => format!("{} *Accepted, without effect.*", setting.doc),
    }
}
