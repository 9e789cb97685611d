//! Every job, log and dead letter, whatever service it belongs to.
