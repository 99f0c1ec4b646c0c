//! Somebody else's system: where it is, and what it claims.
