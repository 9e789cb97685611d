//! Stand-ins for the third-party APIs that Freight talks to.
