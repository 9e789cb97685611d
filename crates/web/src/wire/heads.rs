//! Follows one connection's bytes and refuses heads that two readers could read in two ways.

/// More bytes than any head may have; the HTTP library refuses long before.
const LINE_BYTES_MAX: usize = 64 << 10;

/// What the bytes so far were.
#[derive(Debug)]
enum State {
    /// Before or inside a head.
    Head(Head),
    /// Inside a body of a known length.
    Body(u64),
    /// Bytes that are not ours to follow: HTTP/2, or what comes after a chunked head. The
    /// connection ends with the answer to that, so nothing behind it is ever read as a request.
    Opaque,
}

/// Where the bytes of one connection stand.
#[derive(Debug)]
pub(crate) struct Heads {
    state: State,
    first: bool,
}

/// Why a connection ends here; there is nothing to say about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// How many of the bytes may still be passed on.
    pub(crate) after: usize,
}

impl Heads {
    /// A connection that has said nothing yet.
    pub(crate) fn new() -> Self {
        Self { state: State::Head(Head::default()), first: true }
    }

    /// Whether a head has begun and is not complete.
    pub(crate) fn is_inside_head(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.has_begun())
    }

    /// Looks at the next bytes.
    ///
    /// # Errors
    /// [`Refused`], naming how many of them lie before the fault.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.state {
                State::Opaque => return Ok(()),
                State::Body(left) => {
                    let some = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    at += some;
                    *left -= some as u64;
                    if *left == 0 {
                        self.state = State::Head(Head::default());
                    }
                }
                State::Head(head) => {
                    let next = head.push(bytes[at], self.first).map_err(|Fault| Refused { after: at })?;
                    at += 1;
                    if let Some(next) = next {
                        self.first = false;
                        self.state = next;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The head could be read in two ways.
struct Fault;

#[derive(Debug, Default)]
struct Head {
    line: Vec<u8>,
    /// `None` before the request line; then whether it is HTTP/1.1.
    is_1_1: Option<bool>,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    fn has_begun(&self) -> bool {
        self.is_1_1.is_some() || !self.line.is_empty()
    }

    /// Takes one byte; gives what follows when the head is complete.
    fn push(&mut self, byte: u8, first: bool) -> Result<Option<State>, Fault> {
        if byte != b'\n' {
            // A carriage return is the end of a line or nothing.
            if self.line.last() == Some(&b'\r') || self.line.len() >= LINE_BYTES_MAX {
                return Err(Fault);
            }
            self.line.push(byte);
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").ok_or(Fault)?;
        match (self.is_1_1, line) {
            // Some clients end a body with an empty line that its length does not count.
            (None, []) => Ok(None),
            (None, b"PRI * HTTP/2.0") if first => Ok(Some(State::Opaque)),
            (None, line) => {
                self.is_1_1 = Some(request_line(line)?);
                Ok(None)
            }
            (Some(is_1_1), []) => self.end(is_1_1).map(Some),
            (Some(_), line) => self.header(line).map(|()| None),
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Fault> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let plain = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if name.is_empty() || !name.iter().all(is_token) || !value.iter().all(plain) {
            return Err(Fault);
        }
        match name.to_ascii_lowercase().as_slice() {
            b"host" if value.is_empty() => Err(Fault),
            b"host" => {
                self.hosts += 1;
                Ok(())
            }
            b"content-length" if self.length.is_none() => {
                self.length = Some(number(value)?);
                Ok(())
            }
            b"transfer-encoding" if !self.chunked && value.eq_ignore_ascii_case(b"chunked") => {
                self.chunked = true;
                Ok(())
            }
            b"content-length" | b"transfer-encoding" => Err(Fault),
            _ => Ok(()),
        }
    }

    fn end(&self, is_1_1: bool) -> Result<State, Fault> {
        match (self.hosts, self.length, self.chunked) {
            (1, None, true) if is_1_1 => Ok(State::Opaque),
            (1, Some(length), false) if length > 0 => Ok(State::Body(length)),
            (1, _, false) => Ok(State::Head(Self::default())),
            _ => Err(Fault),
        }
    }
}

/// Exactly `METHOD SP target SP HTTP/1.x`; whether it is HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Fault);
    };
    let plain = |byte: &u8| *byte > b' ' && *byte < 0x7f;
    if method.is_empty() || !method.iter().all(is_token) || target.is_empty() || !target.iter().all(plain) {
        return Err(Fault);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Fault),
    }
}

/// The characters of a method or a header's name (RFC 9110, 5.6.2).
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

fn number(digits: &[u8]) -> Result<u64, Fault> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| plain);
    text.and_then(|text| text.parse().ok()).ok_or(Fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes, fed whole and one by one, get the same verdict.
    fn check(bytes: &str, good: bool) {
        assert_eq!(Heads::new().see(bytes.as_bytes()).is_ok(), good, "whole: {bytes:?}");
        let mut heads = Heads::new();
        let one_by_one = bytes.bytes().all(|byte| heads.see(&[byte]).is_ok());
        assert_eq!(one_by_one, good, "one by one: {bytes:?}");
    }

    #[test]
    fn takes_what_everybody_reads_alike() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
        check("GET / HTTP/1.0\r\nHost: a\r\n\r\n", true);
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
        check("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true);
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", true);
        check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET /\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nPRI * HTTP/2.0\r\n\r\n",
        ] {
            check(head, false);
        }
    }

    #[test]
    fn passes_on_what_lies_before_the_fault() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\n";
        assert_eq!(Heads::new().see(bytes), Err(Refused { after: bytes.len() - 1 }));
    }
}
