//! One module for each API, generated from `schema/` by `gen/`. Each type serves all versions of its API.

#![allow(
    clippy::pedantic,
    clippy::too_many_lines,
    clippy::nonminimal_bool,
    clippy::neg_cmp_op_on_partial_ord,
    clippy::enum_variant_names,
    unused_imports,
    reason = "generated: one shape fits all messages"
)]

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
