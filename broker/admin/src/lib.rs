//! The admin service's proto and its generated types, for brokers, operator and command line.
