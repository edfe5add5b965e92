//! The protos of Weir's own services and the types generated from them: the peer service, which brokers of one cluster
//! speak among themselves, and the admin service, for operator and command line. Decides nothing.

#[allow(missing_docs, clippy::allow_attributes_without_reason, unused_qualifications)]
#[allow(
    clippy::all,
    clippy::large_futures,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "generated code"
)]
/// What brokers of one cluster say to each other.
pub mod peer {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("weir.peer.v1");
    }
}

#[allow(missing_docs, clippy::allow_attributes_without_reason, unused_qualifications)]
#[allow(
    clippy::all,
    clippy::large_futures,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "generated code"
)]
/// What an operator sees of a cluster and does with it.
pub mod admin {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("weir.admin.v1");
    }
}

/// Every service, described for reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("descriptors");
