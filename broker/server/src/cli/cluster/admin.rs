//! The way to the brokers' admin service, and what its refusals mean to a user.

use clap::Args;
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use weir_admin::admin::v1;
use weir_admin::admin::v1::admin_client::AdminClient;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

const SET_IT: &str =
    "--admin wants the address of weir.admin.listener of any broker, such as --admin localhost:9645";

/// Where the admin service is, and which broker is meant.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The broker's id
    #[arg(value_name = "BROKER")]
    broker: i32,
    /// The disk that is meant; without it the one that the broker has now
    #[arg(long, value_name = "UUID")]
    incarnation: Option<String>,
    #[command(flatten)]
    service: Service,
}

/// Where the admin service is.
#[derive(Debug, Args)]
pub(crate) struct Service {
    /// The admin service of any broker
    #[arg(long, env = "WEIR_ADMIN", value_name = "HOST:PORT")]
    admin: Option<String>,
}

impl Service {
    pub(super) async fn connect(&self, session: &Session) -> Result<AdminClient<Channel>, Failure> {
        let address = self
            .admin
            .as_ref()
            .ok_or_else(|| Failure::refused("this command needs the brokers' admin service", SET_IT))?;
        let bad = |error| Failure::refused(format!("--admin {address}: {error}"), SET_IT);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(bad)?;
        let patience = session.client.options().call_timeout;
        let endpoint = endpoint.connect_timeout(patience).timeout(patience);
        let channel = endpoint
            .connect()
            .await
            .map_err(|_| Failure::refused(format!("no admin service answers on {address}"), SET_IT))?;
        Ok(AdminClient::new(channel))
    }
}

impl Target {
    pub(super) const fn broker(&self) -> i32 {
        self.broker
    }

    /// The service, and the broker with its disk, so that no other can be meant by the time it is asked.
    pub(super) async fn find(
        &self,
        session: &Session,
    ) -> Result<(AdminClient<Channel>, v1::BrokerRef), Failure> {
        let mut client = self.service.connect(session).await?;
        if let Some(incarnation) = &self.incarnation {
            return Ok((client, v1::BrokerRef { id: self.broker, incarnation: incarnation.clone() }));
        }
        let request =
            v1::DescribeClusterRequest { without_topics: true, without_measures: true, ..Default::default() };
        let mut parts =
            client.describe_cluster(request).await.map_err(|status| failure(&status))?.into_inner();
        let first = parts.message().await.map_err(|status| failure(&status))?.unwrap_or_default();
        let known: Vec<v1::BrokerRef> = first.brokers.into_iter().filter_map(|row| row.broker).collect();
        let ids: Vec<String> = known.iter().map(|broker| broker.id.to_string()).collect();
        let found = known.into_iter().find(|broker| broker.id == self.broker);
        let broker = found.ok_or_else(|| {
            let help = format!("registered are {}", ids.join(", "));
            Failure::refused(format!("broker {} is not registered", self.broker), help)
        })?;
        Ok((client, broker))
    }
}

/// Whether the same call may succeed later.
pub(super) fn is_retriable(status: &Status) -> bool {
    v1::Refusal::decode(status.details()).is_ok_and(|refusal| refusal.retriable)
}

/// A refusal in the words of the broker, with its advice.
pub(super) fn failure(status: &Status) -> Failure {
    match v1::Refusal::decode(status.details()) {
        Ok(refusal) if !refusal.message.is_empty() => Failure::refused(refusal.message, refusal.advice),
        _ => {
            let help = match status.code() {
                Code::Unimplemented => SET_IT,
                Code::DeadlineExceeded | Code::Cancelled => "--timeout waits longer",
                _ => "ask another broker with --admin, or see this one's log",
            };
            Failure::refused(status.message().to_owned(), help)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_the_brokers_own_advice() {
        let refusal = v1::Refusal {
            message: "broker 1 still holds 3 replicas".to_owned(),
            advice: "move them".to_owned(),
            ..v1::Refusal::default()
        };
        let status = Status::with_details(Code::FailedPrecondition, "", refusal.encode_to_vec().into());
        let Failure::Refused { message, help } = failure(&status) else { panic!("another failure") };
        assert_eq!((&*message, help.as_deref()), ("broker 1 still holds 3 replicas", Some("move them")));
        let plain = failure(&Status::new(Code::Unavailable, "gone"));
        assert!(plain.to_string().contains("gone"));
    }
}
