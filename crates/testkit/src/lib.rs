//! For tests only: an in-process server, a process killer, a power-cut shim.
