//! What a caller without `ingest:sensitive` may not see.

use super::Path;
use super::find::Tree;

/// What stands in the place of a value that was masked.
const MASK: &str = "\"***\"";

/// Masks the values at some paths; an array on the way means each of its elements.
#[derive(Clone, Debug)]
pub struct Redaction(Option<Tree>);

impl Redaction {
    /// Masks these.
    pub fn of(paths: &[Path]) -> Self {
        Self((!paths.is_empty()).then(|| Tree::through_arrays(paths)))
    }

    /// Masks nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The record as the caller may see it. A text that cannot be read is masked as a whole.
    pub fn apply(&self, text: String) -> String {
        let Some(tree) = &self.0 else { return text };
        let Ok(found) = tree.find(&text) else { return MASK.to_owned() };
        if found.is_empty() {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (_, raw) in found {
            let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
            // A path inside one that is masked already.
            if start >= done {
                out.push_str(&text[done..start]);
                out.push_str(MASK);
                done = start + raw.get().len();
            }
        }
        out.push_str(&text[done..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_wherever_the_path_leads_and_keeps_the_rest_exactly() {
        let paths: Vec<Path> = ["password", "card.number", "card"].map(|path| path.parse().unwrap()).into();
        let redaction = Redaction::of(&paths[..2]);
        let masked = |text: &str| redaction.apply(text.to_owned());
        assert_eq!(masked(r#"{"id":1.0,"password":"x","z":[ 1]}"#), r#"{"id":1.0,"password":"***","z":[ 1]}"#);
        assert_eq!(masked(r#"{"pass\u0077ord":["x"]}"#), r#"{"pass\u0077ord":"***"}"#);
        assert_eq!(
            masked(r#"{"card":[{"number":1},{"number":{"a":2},"b":3}]}"#),
            r#"{"card":[{"number":"***"},{"number":"***","b":3}]}"#
        );
        assert_eq!(masked(r#"{"card":"none"}"#), r#"{"card":"none"}"#);
        assert_eq!(Redaction::of(&paths).apply(r#"{"card":{"number":1}}"#.to_owned()), r#"{"card":"***"}"#);
    }
}
