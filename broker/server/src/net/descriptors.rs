//! How many files the process may have open. Every connection is one and so is every segment that is written or read:
//! connections must not take them all, or the logs could not go on.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system lets us, and gives it.
pub(crate) fn claim() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Refused only where the system knows a lower bound still; then the limit is what it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The part of the limit that is for connections.
pub(crate) const fn for_connections(limit: usize) -> usize {
    limit / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes_and_logs_keep_their_part() {
        let limit = claim();
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
        assert!(for_connections(limit) < limit);
    }
}
