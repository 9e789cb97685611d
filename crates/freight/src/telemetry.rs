//! What the process says about itself: events on standard error, metrics at `/metrics`.
//!
//! Events go to standard error so that standard output stays data. A person at a terminal gets
//! lines; anything else gets one JSON object a line, since whatever collects it will parse it.
//! The recorder of metrics is global by the nature of the `metrics` crate and is installed once,
//! by [`metrics()`]; tests that compose several servers share it.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Whether `text` is a filter of events, as configuration has it.
///
/// # Errors
/// What is allowed.
pub fn check_filter(text: &str) -> Result<String, String> {
    let allowed = "levels, such as info, or info,jobs=debug";
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| allowed.to_owned())
}

/// Starts writing events. Call once, before anything is worth telling.
///
/// # Errors
/// When the filter does not parse, or events are being written already.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(filter)?;
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let human = format == LogFormat::Human || (format == LogFormat::Auto && terminal);
    let started = if human {
        events.with_ansi(terminal).with_target(false).try_init()
    } else {
        events.json().flatten_event(true).with_span_list(false).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("events are written already: {error}"))
}

/// Bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process, installed at the first call.
///
/// # Errors
/// When another recorder was installed by somebody else.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE.get_or_init(|| install().map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

fn install() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let recorder = builder.set_buckets_for_metric(Matcher::Suffix("seconds".to_owned()), &SECONDS)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| anyhow::anyhow!("metrics are recorded elsewhere already"))?;
    Ok(handle)
}
