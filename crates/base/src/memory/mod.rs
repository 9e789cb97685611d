//! The four contracts in memory: the specification that a newcomer reads first.
