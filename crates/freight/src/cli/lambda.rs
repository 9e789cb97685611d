//! `freight lambda`: a function of AWS Lambda.
//!
//! Lambda starts a program by the name `bootstrap`, without arguments: by that name this is what the
//! program does when nothing else is asked of it.

use std::ffi::OsString;
use std::path::Path;

use super::failure::Failure;
use super::server::are_shared;
use crate::config::{Config, Environment};
use crate::{lambda, telemetry};

/// The name under which Lambda starts a program.
const BOOTSTRAP: &str = "bootstrap";

/// The arguments as they are meant: those of Lambda's own start are `lambda`.
pub(super) fn as_started(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if let [program] = arguments.as_slice()
        && Path::new(program).file_name().is_some_and(|name| name == BOOTSTRAP)
    {
        arguments.push("lambda".into());
    }
    arguments
}

/// Answers invocations until Lambda ends the process.
///
/// # Errors
/// `Usage` where nothing is shared, and where there is no Lambda; `Failed` when it cannot start.
pub(super) async fn run(environment: &Environment, config: &Config) -> Result<(), Failure> {
    are_shared("lambda", config)?;
    let missing = lambda::missing(environment);
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Failure::Usage(format!("AWS Lambda starts `freight lambda`, and sets what is missing: {missing}")));
    }
    telemetry::start(config.log_format, &config.log_filter)?;
    Ok(lambda::run(config).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_without_arguments_is_a_function() {
        let started = |arguments: &[&str]| as_started(arguments.iter().map(OsString::from));
        assert_eq!(started(&["/var/task/bootstrap"]), ["/var/task/bootstrap", "lambda"]);
        assert_eq!(started(&["bootstrap", "--version"]), ["bootstrap", "--version"]);
        assert_eq!(started(&["freight"]), ["freight"]);
    }
}
