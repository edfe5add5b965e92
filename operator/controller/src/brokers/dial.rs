//! Connections to brokers' admin services, with a deadline on everything. Knows nothing of what is asked.

use std::time::Duration;

use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use weir_admin::admin::v1;
use weir_admin::admin::v1::admin_client::AdminClient;

use crate::lease::NotLeading;

pub(crate) type Client = AdminClient<Channel>;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How often a silent connection is tried, and how long it may stay silent then.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_MAX: Duration = Duration::from_secs(5);
/// The description of a hundred thousand partitions comes in parts far below this.
const REPLY_MAX: usize = 16 << 20;

/// Why brokers did not answer as hoped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("{0:?} is no address of a broker")]
    Address(String),
    #[error("no broker can be reached: {0}")]
    Unreachable(String),
    #[error("broker refused: {message}")]
    Refused {
        message: String,
        /// Whether the same may succeed later.
        retriable: bool,
    },
    #[error("no answer from the broker within {0} s")]
    Late(u64),
    #[error(transparent)]
    CutOff(#[from] super::view::CutOff),
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("nothing was heard of the brokers for {0} s")]
    Silent(u64),
}

impl From<Status> for BrokerError {
    fn from(status: Status) -> Self {
        match v1::Refusal::decode(status.details()) {
            Ok(refusal) if !refusal.message.is_empty() => {
                let message = format!("{}: {}", refusal.message, refusal.advice);
                Self::Refused { message, retriable: refusal.retriable }
            }
            Ok(_) | Err(_) => Self::Unreachable(status.message().to_owned()),
        }
    }
}

/// Connects to the address, `host:port`.
pub(crate) async fn connect(address: &str) -> Result<Client, BrokerError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| BrokerError::Address(address.to_owned()))?
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_MAX)
        .keep_alive_while_idle(true);
    // The name's resolution is not covered by the connection's own limit.
    let connecting = async { endpoint.connect().await.map_err(|error| unreachable(address, &error)) };
    let channel = within(CONNECT_MAX * 2, connecting).await?;
    Ok(AdminClient::new(channel).max_decoding_message_size(REPLY_MAX))
}

fn unreachable(address: &str, error: &tonic::transport::Error) -> BrokerError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    BrokerError::Unreachable(format!("{address}: {}", cause.unwrap_or_else(|| error.to_string())))
}

/// A request that the broker gives up when the caller has.
pub(crate) fn request<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// The outcome, in time.
pub(crate) async fn within<T, E: Into<BrokerError>>(
    deadline: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(BrokerError::Late(deadline.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_words_and_whether_to_try_again() {
        let refusal = v1::Refusal {
            message: "nobody leads".to_owned(),
            advice: "wait".to_owned(),
            retriable: true,
            ..v1::Refusal::default()
        };
        let details = refusal.encode_to_vec().into();
        let status = Status::with_details(tonic::Code::Unavailable, "x", details);
        let refused = BrokerError::Refused { message: "nobody leads: wait".to_owned(), retriable: true };
        assert_eq!(BrokerError::from(status), refused);
        assert_eq!(
            BrokerError::from(Status::unavailable("gone")),
            BrokerError::Unreachable("gone".to_owned())
        );
    }

    #[tokio::test]
    async fn nobody_at_home_is_told_with_the_address() {
        let error = connect("127.0.0.1:1").await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
        assert!(matches!(connect("not an address").await, Err(BrokerError::Address(_))));
    }
}
