//! Vectors, round trips, garbage.
