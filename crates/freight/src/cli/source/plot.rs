//! The means of a window, drawn with blocks.

use serde_json::Value;

/// How many lines a chart has.
const LINES: usize = 8;
/// At most so many columns; more buckets share one.
const COLUMNS_MAX: usize = 96;
/// A cell is filled in eighths.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A chart for each number that the buckets know.
pub(super) fn readings(buckets: &[Value]) -> Vec<String> {
    let mut paths: Vec<&String> = Vec::new();
    for path in buckets.iter().filter_map(|bucket| bucket["readings"].as_object()).flat_map(|it| it.keys()) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let ends = [buckets.first().map(|bucket| &bucket["from"]), buckets.last().map(|bucket| &bucket["to"])];
    let [from, to] = ends.map(|end| end.and_then(Value::as_str).unwrap_or_default().to_owned());
    let mean = |bucket: &Value, path: &str| bucket["readings"][path]["mean"].as_f64();
    let of = |path: &&String| chart(path, &buckets.iter().map(|bucket| mean(bucket, path)).collect::<Vec<_>>());
    paths.iter().map(|path| format!("{}\n{:>12} {from} … {to}\n", of(path), "")).collect()
}

fn chart(path: &str, means: &[Option<f64>]) -> String {
    let columns = gathered(means);
    let known = || columns.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let span = if high > low { high - low } else { 1.0 };
    // The lowest value has one eighth, so that it is told from a gap.
    let eighths = |value: f64| 1 + ((value - low) / span * (8 * LINES - 1) as f64).round() as usize;
    let mut out = path.to_owned();
    for line in (0..LINES).rev() {
        let label = match line {
            0 => format!("{low:.4}"),
            line if line == LINES - 1 => format!("{high:.4}"),
            _ => String::new(),
        };
        let cell = |value: &Option<f64>| value.map_or(0, |value| eighths(value).saturating_sub(8 * line).min(8));
        let cells: String = columns.iter().map(|value| EIGHTHS[cell(value)]).collect();
        out.push_str(&format!("\n{label:>12} {}", cells.trim_end()));
    }
    out
}

/// As many columns as there is room for; neighbours that share one show their mean.
fn gathered(means: &[Option<f64>]) -> Vec<Option<f64>> {
    let share = means.len().div_ceil(COLUMNS_MAX).max(1);
    let mean = |group: &[Option<f64>]| {
        let known: Vec<f64> = group.iter().flatten().copied().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    means.chunks(share).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_shows_low_high_and_gaps() {
        let drawn = chart("temp", &[Some(0.0), None, Some(10.0), Some(5.0)]);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!((lines.len(), lines[0]), (LINES + 1, "temp"));
        assert_eq!(lines[1], "     10.0000   █");
        assert_eq!(lines[LINES], "      0.0000 ▁ ██");
        assert_eq!(lines[LINES / 2], "               █▁");
    }

    #[test]
    fn many_buckets_share_columns() {
        let means: Vec<Option<f64>> = (0..1_000).map(|n| Some(f64::from(n))).collect();
        assert!(gathered(&means).len() <= COLUMNS_MAX);
        assert_eq!(gathered(&[None, None]), [None, None]);
    }
}
