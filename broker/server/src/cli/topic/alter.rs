//! `weir topic alter`: more partitions, other settings. Refuses what Kafka can not do, with the reason.

use serde::Serialize;
use weir_client::{ConfigChange, Resource};

use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::pairs::parse_pair;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topic
    topic: String,
    /// How many partitions it shall have; there is no way to fewer
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Set a setting, such as retention.ms=3600000; may be given often
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = parse_pair)]
    config: Vec<(String, String)>,
    /// Put a setting back to what it is without a value of its own; may be given often
    #[arg(long, value_name = "NAME")]
    reset: Vec<String>,
    /// Only check whether it could be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct View {
    name: String,
    dry_run: bool,
    changes: Vec<String>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    if args.partitions.is_none() && args.config.is_empty() && args.reset.is_empty() {
        return Err(Failure::usage(
            "nothing to alter: give --partitions, --config NAME=VALUE or --reset NAME",
        ));
    }
    let topic = session.topic(&args.topic).await?;
    let mut changes = Vec::new();
    let grow_to = match args.partitions {
        None => None,
        Some(wanted) => growth(&args.topic, topic.partitions.len(), wanted)?,
    };
    let resource = Resource::Topic(args.topic.clone());
    let settings = config_changes(&args.config, &args.reset)?;
    // Settings first, checked before anything is done: adding partitions can not be taken back.
    if !settings.is_empty() {
        session.client.alter_configs(&resource, &settings, args.dry_run || grow_to.is_some()).await?;
    }
    if let Some(total) = grow_to {
        session.client.add_partitions(&args.topic, total, args.dry_run).await?;
        changes.push(format!(
            "{} instead of {}",
            counted(total.unsigned_abs(), "partition"),
            topic.partitions.len()
        ));
        if !args.dry_run && !settings.is_empty() {
            session.client.alter_configs(&resource, &settings, false).await?;
        }
        if !args.dry_run {
            let total = usize::try_from(total).unwrap_or_default();
            session.client.await_topic(&args.topic, total).await?;
        }
    }
    changes.extend(settings.iter().map(|change| match change {
        ConfigChange::Set(name, value) => format!("{name}={value}"),
        ConfigChange::Reset(name) => format!("{name} reset"),
    }));
    let view = View { name: args.topic, dry_run: args.dry_run, changes };
    session.output.print(&view, || sentence(&view))
}

/// The new number of partitions; none when the topic has it already.
fn growth(topic: &str, has: usize, wanted: i32) -> Result<Option<i32>, Failure> {
    let wanted_count = usize::try_from(wanted).unwrap_or_default();
    if wanted_count < has {
        return Err(Failure::refused(
            format!(
                "topic {topic} has {} and can not go down to {wanted}: their records would be lost",
                counted(has as u64, "partition")
            ),
            "create a new topic with fewer partitions and copy the records",
        ));
    }
    Ok((wanted_count > has).then_some(wanted))
}

fn config_changes(set: &[(String, String)], reset: &[String]) -> Result<Vec<ConfigChange>, Failure> {
    if let Some((both, _)) = set.iter().find(|(name, _)| reset.contains(name)) {
        return Err(Failure::usage(format!("{both} is both set and reset")));
    }
    let set = set.iter().map(|(name, value)| ConfigChange::Set(name.clone(), value.clone()));
    Ok(set.chain(reset.iter().map(|name| ConfigChange::Reset(name.clone()))).collect())
}

fn sentence(view: &View) -> String {
    let what = if view.changes.is_empty() { "nothing to change".into() } else { view.changes.join(", ") };
    let verb = if view.dry_run { "could be altered" } else { "altered" };
    format!("topic {} {verb}: {what}\n", view.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_grow_or_stay_but_do_not_shrink() {
        assert_eq!(growth("t", 3, 6).unwrap(), Some(6));
        assert_eq!(growth("t", 3, 3).unwrap(), None);
        let refusal = growth("t", 3, 2).unwrap_err().to_string();
        assert_eq!(refusal, "topic t has 3 partitions and can not go down to 2: their records would be lost");
    }

    #[test]
    fn a_setting_is_not_both_set_and_reset() {
        let set = [("a".to_owned(), "1".to_owned())];
        assert!(config_changes(&set, &["a".to_owned()]).is_err());
        assert_eq!(config_changes(&set, &["b".to_owned()]).unwrap().len(), 2);
    }
}
