//! Pages of `docs/` that are output: each measurement and each proof writes its own section.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::process;

/// Begins a section, followed by its name.
const MARK: &str = "<!-- section ";

/// Puts a section into a page below `docs/`, in place of the last one of its name.
///
/// # Errors
/// When the page cannot be written.
pub(crate) fn write(page: &str, head: &str, name: &str, section: &str) -> Result<()> {
    let path = process::root().join("docs").join(page);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    Ok(std::fs::write(path, replaced(&before, head, name, section))?)
}

/// The page as it was, under this head, with this section in place of the last one of its name.
fn replaced(before: &str, head: &str, name: &str, section: &str) -> String {
    let mut sections: BTreeMap<&str, &str> = before
        .split(MARK)
        .skip(1)
        .filter_map(|section| section.split_once(" -->"))
        .map(|(name, text)| (name, text.trim()))
        .collect();
    sections.insert(name, section.trim());
    let sections: String = sections.iter().map(|(name, text)| format!("\n{MARK}{name} -->\n\n{text}\n")).collect();
    format!("{}\n{sections}", head.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_last_one_of_its_name() {
        let one = replaced("", "head", "a", "first");
        let two = replaced(&one, "head", "b", "other");
        let three = replaced(&two, "head", "a", "second");
        assert!(two.contains("first") && two.contains("other"));
        assert!(!three.contains("first") && three.contains("second") && three.contains("other"));
        assert_eq!(three, replaced(&three, "head", "a", "second"));
        assert!(three.starts_with("head\n"));
    }
}
