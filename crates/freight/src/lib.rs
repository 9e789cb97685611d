//! The Freight server: command line, configuration, composition.
