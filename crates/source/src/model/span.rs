//! Which partials a window is made of.
//!
//! A window is covered by the largest partials that fit: whole days, then hours, then minutes, then
//! the records themselves at its ragged ends. No piece crosses a cut between two buckets, and none
//! contains a dirty minute, whose partial may be behind: that minute is read from its records.

use super::Level;

/// What a piece of a window is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// The records themselves.
    Records,
    /// Partials of this level.
    Of(Level),
}

/// A piece of a window, in microseconds; `to` is outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it is read from.
    pub grain: Grain,
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub to: i64,
}

/// Covers `cuts[0]..cuts[last]`, in order and without a gap. `cuts` ascend; `dirty` are the
/// beginnings of dirty minutes, ascending.
pub fn cover(cuts: &[i64], dirty: &[i64]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for bucket in cuts.windows(2) {
        let (mut at, end) = (bucket[0], bucket[1]);
        while at < end {
            let next = piece(at, end, dirty);
            at = next.to;
            match spans.last_mut() {
                Some(last) if last.grain == next.grain => last.to = next.to,
                _ => spans.push(next),
            }
        }
    }
    spans
}

/// The largest piece that begins at `at`.
fn piece(at: i64, end: i64, dirty: &[i64]) -> Span {
    let next_dirty = dirty.get(dirty.partition_point(|minute| *minute < Level::Minute.floor(at))).copied();
    let fits = |level: &Level| {
        let to = at + level.us();
        level.floor(at) == at && to <= end && next_dirty.is_none_or(|minute| minute >= to)
    };
    match Level::ALL.into_iter().rev().find(fits) {
        Some(level) => Span { grain: Grain::Of(level), from: at, to: at + level.us() },
        None => {
            let to = end.min(Level::Minute.floor(at) + Level::Minute.us());
            Span { grain: Grain::Records, from: at, to }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::step::MINUTE_US;
    use super::*;

    #[test]
    fn a_window_is_made_of_the_largest_pieces() {
        let (minute, hour, day) = (MINUTE_US, Level::Hour.us(), Level::Day.us());
        let spans = cover(&[day - hour - minute - 1, 3 * day + hour], &[2 * day + minute]);
        let grains: Vec<(Grain, i64)> = spans.iter().map(|span| (span.grain, span.to - span.from)).collect();
        use Level::{Day, Hour, Minute};
        let expected = [
            (Grain::Records, 1),
            (Grain::Of(Minute), minute),
            (Grain::Of(Hour), hour),
            (Grain::Of(Day), day),
            (Grain::Of(Minute), minute),
            (Grain::Records, minute),
            (Grain::Of(Minute), 58 * minute),
            (Grain::Of(Hour), 23 * hour),
            (Grain::Of(Hour), hour),
        ];
        let merged = [&expected[..7], &[(Grain::Of(Hour), 24 * hour)]].concat();
        assert_eq!(grains, merged);
    }

    proptest! {
        #[test]
        fn windows_are_covered_without_gaps_and_dirty_minutes_read_from_records(
            mut cuts in proptest::collection::btree_set(-200_000_000_000_i64..400_000_000_000, 2..6),
            dirty in proptest::collection::btree_set(-3_000_i64..6_000, 0..8),
        ) {
            cuts.insert(0);
            let cuts: Vec<i64> = cuts.into_iter().collect();
            let dirty: Vec<i64> = dirty.into_iter().map(|minute| minute * MINUTE_US).collect();
            let spans = cover(&cuts, &dirty);
            prop_assert_eq!(spans[0].from, cuts[0]);
            prop_assert_eq!(spans[spans.len() - 1].to, cuts[cuts.len() - 1]);
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
            for span in spans.iter().filter(|span| span.grain != Grain::Records) {
                let Grain::Of(level) = span.grain else { unreachable!() };
                prop_assert!(level.floor(span.from) == span.from && level.floor(span.to) == span.to);
                prop_assert!(!dirty.iter().any(|minute| (span.from..span.to).contains(minute)));
                let inside = cuts.iter().filter(|cut| (span.from + 1..span.to).contains(*cut));
                prop_assert!(inside.into_iter().all(|cut| level.floor(*cut) == *cut));
            }
        }
    }
}
