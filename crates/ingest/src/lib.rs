//! Records into datasets: fetched, imported, read in order.
