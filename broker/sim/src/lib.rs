//! A whole cluster in virtual time from one seed, and the checkers. Tests only.
