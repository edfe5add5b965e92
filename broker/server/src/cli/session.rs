//! What every command is given: the client, and how to print. Decides nothing about any command.

use weir_client::{Client, ClientError, ClientOptions, ErrorCode, TopicInfo, parse_bootstrap};

use super::Globals;
use super::failure::Failure;
use super::near_names::near_names;
use super::output::Output;

pub(super) struct Session {
    pub(super) client: Client,
    pub(super) output: Output,
}

impl Session {
    /// Reads the global flags; connects to nothing yet.
    pub(super) fn new(globals: &Globals) -> Result<Self, Failure> {
        let bootstrap = parse_bootstrap(&globals.bootstrap)
            .map_err(|error| Failure::usage(format!("--bootstrap: {error}")))?;
        let options = ClientOptions {
            client_id: "weir-cli".into(),
            call_timeout: globals.timeout,
            ..Default::default()
        };
        Ok(Self { client: Client::new(bootstrap, options), output: Output::new(globals.output) })
    }

    /// A topic that must exist.
    pub(super) async fn topic(&self, name: &str) -> Result<TopicInfo, Failure> {
        match self.client.topic(name).await {
            Ok(topic) => Ok(topic),
            Err(error) => Err(self.about_topic(name, error).await),
        }
    }

    /// A failure with a topic; when it does not exist, with the names that may have been meant.
    pub(super) async fn about_topic(&self, name: &str, error: ClientError) -> Failure {
        if error.code() != Some(ErrorCode::UnknownTopicOrPartition) {
            return error.into();
        }
        let known = self.client.all_topics().await.map(|all| all.topics.keys().cloned().collect::<Vec<_>>());
        let near = near_names(name, &known.unwrap_or_default());
        Failure::UnknownTopic { name: name.to_owned(), near }
    }

    /// A failure with a group; when it does not exist, with the names that may have been meant.
    pub(super) async fn about_group(&self, name: &str, error: ClientError) -> Failure {
        if error.code() != Some(ErrorCode::GroupIdNotFound) {
            return error.into();
        }
        let known = self.client.list_groups().await.unwrap_or_default();
        let known: Vec<String> = known.into_iter().map(|group| group.group_id).collect();
        Failure::UnknownGroup { name: name.to_owned(), near: near_names(name, &known) }
    }
}
