//! Rust source with everything that is not code blanked out.
//!
//! Comments and literals become spaces, byte for byte, and newlines stay: a place in the result
//! is the same place in the file.

/// `text` with its comments, strings and characters blanked.
pub(super) fn code(text: &str) -> String {
    let mut blanked = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let opaque = opaque(rest).min(rest.len());
        for byte in blanked.iter_mut().skip(at).take(opaque).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at += opaque.max(1);
    }
    String::from_utf8_lossy(&blanked).into_owned()
}

/// How many bytes at the start of `rest` are a comment or a literal; 0 if it starts with code.
fn opaque(rest: &[u8]) -> usize {
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block(rest),
        [b'"', ..] => string(rest),
        [b'r', b'"' | b'#', ..] => raw(rest),
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

/// Block comments nest.
fn block(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#` and so on; `r#name` is an identifier.
fn raw(rest: &[u8]) -> usize {
    let hashes = rest.iter().skip(1).take_while(|byte| **byte == b'#').count();
    let open = hashes + 2;
    if rest.get(open - 1) != Some(&b'"') {
        return 0;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = rest.get(open..).unwrap_or_default();
    body.windows(close.len()).position(|end| end == close).map_or(rest.len(), |at| open + at + close.len())
}

/// A character literal; a lifetime is code.
fn character(rest: &[u8]) -> usize {
    let first = match rest.get(1) {
        // The byte after the backslash is never the closing quote.
        Some(b'\\') => 2,
        _ => 1,
    };
    let longest = 12;
    let close = rest.iter().take(longest).skip(first + 1).position(|byte| *byte == b'\'').map(|at| first + 1 + at);
    match close {
        Some(close) if first == 2 || is_one_char(rest.get(1..close).unwrap_or_default()) => close + 1,
        _ => 0,
    }
}

fn is_one_char(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}

#[cfg(test)]
mod tests {
    use super::code;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let blanked = code(text);
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        assert_eq!(blanked.len(), text.len(), "places moved");
        assert_eq!(blanked.lines().count(), text.lines().count(), "lines moved");
    }

    #[test]
    fn comments_are_blank() {
        check("a // b\nc /* d /* e */ f */ g", "a c g");
        check("/* never closed", "");
    }

    #[test]
    fn literals_are_blank() {
        check(r#"f("a \" b", b"c") + g"#, "f( , b ) + g");
        check("f(r#\"a \" b\"#) + r#type", "f( ) + r#type");
        check("f('\"') + g('\\'') + h('é')", "f( ) + g( ) + h( )");
    }

    #[test]
    fn lifetimes_are_code() {
        check("fn f<'a>(x: &'a str, y: &'a str)", "fn f<'a>(x: &'a str, y: &'a str)");
    }
}
