//! The protos of Weir's own services and the types generated from them: the peer service, which brokers of one cluster
//! speak among themselves, and the admin service, for operator and command line. Decides nothing.

/// What brokers of one cluster say to each other.
#[allow(missing_docs, unused_qualifications, unreachable_pub, clippy::all, reason = "generated code")]
#[allow(clippy::too_many_lines, clippy::allow_attributes_without_reason, reason = "generated code")]
pub mod peer {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("weir.peer.v1");
    }
}

/// Every service, described for reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("descriptors");
