//! Store, cache and limiter of a single process, on one SQLite file.
