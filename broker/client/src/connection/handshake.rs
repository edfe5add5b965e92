//! The first exchange on a connection: which versions does the peer speak? Decides how to ask a peer that is older
//! than we are: it answers in version 0 with the versions of ApiVersions that it knows, and is asked again (KIP-511).

use bytes::Bytes;
use weir_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use weir_wire::{ApiKey, ErrorCode, frame};

use super::Shared;
use crate::deadline::Deadline;
use crate::error::ClientError;
use crate::versions::{Versions, highest_common};

pub(super) async fn agree(shared: &Shared, deadline: Deadline) -> Result<Versions, ClientError> {
    let newest = ApiKey::ApiVersions.valid_versions().max;
    let first = exchange(shared, newest, deadline).await?;
    if ErrorCode::from(first.error_code) != ErrorCode::UnsupportedVersion {
        return accept(first);
    }
    let theirs = Versions::from_wire(&first.api_keys).offered(ApiKey::ApiVersions);
    let ours = ApiKey::ApiVersions.valid_versions();
    let older = theirs.map_or(Some(0), |theirs| highest_common(ours, theirs, newest));
    let older = older.ok_or_else(|| ClientError::Unsupported {
        address: shared.address.clone(),
        api: ApiKey::ApiVersions,
        theirs,
        ours,
    })?;
    accept(exchange(shared, older, deadline).await?)
}

fn accept(response: ApiVersionsResponse) -> Result<Versions, ClientError> {
    ClientError::check(|| "version handshake".into(), response.error_code, None)?;
    Ok(Versions::from_wire(&response.api_keys))
}

async fn exchange(
    shared: &Shared,
    version: i16,
    deadline: Deadline,
) -> Result<ApiVersionsResponse, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: "weir".into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
    };
    let answer = shared.exchange(&request, version, deadline).await?;
    let version = if refuses_version(&answer) { 0 } else { version };
    let (_, body) = frame::parse_response::<ApiVersionsRequest>(version, answer)
        .map_err(|source| shared.unreadable(ApiKey::ApiVersions, source))?;
    Ok(body)
}

/// The error code follows the correlation id in every version.
fn refuses_version(answer: &Bytes) -> bool {
    answer.get(4..6) == Some(&ErrorCode::UnsupportedVersion.code().to_be_bytes()[..])
}
