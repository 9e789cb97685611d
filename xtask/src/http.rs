//! A caller of HTTP/1.1 on one connection that hides nothing: who kills servers has to know what
//! was sent and what was answered, and a client that tries again by itself would blur both.
//!
//! Loopback only, no TLS, no redirects, no compression. A connection is kept while the server
//! keeps it; after any failure the next call makes another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;

/// How long a server may send nothing while it owes an answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// One caller.
pub(crate) struct Client {
    /// Host and port.
    address: String,
    api_key: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body, when the status is the one that is expected.
    ///
    /// # Errors
    /// When it is another status; the error holds what was answered instead.
    pub(crate) fn expect(self, status: u16) -> Result<Vec<u8>> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(self.body)
    }

    /// The JSON of an answer with this status.
    ///
    /// # Errors
    /// When it is another status, or not this JSON.
    pub(crate) fn json<T: DeserializeOwned>(self, status: u16) -> Result<T> {
        Ok(serde_json::from_slice(&self.expect(status)?)?)
    }
}

impl Client {
    /// Calls the server at `url`, which is `http://` and a host with a port.
    pub(crate) fn new(url: &str, api_key: Option<&str>) -> Self {
        let address = url.strip_prefix("http://").unwrap_or(url).to_owned();
        Self { address, api_key: api_key.map(str::to_owned), connection: None }
    }

    /// Reads what is at `path`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", &[])?;
        self.receive()
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When no whole answer came.
    pub(crate) fn json(&mut self, method: &str, path: &str, body: &serde_json::Value) -> Result<Answer> {
        self.send(method, path, "application/json", body.to_string().as_bytes())?;
        self.receive()
    }

    /// Sends a request, whole; a body has a media type, even an empty one.
    ///
    /// # Errors
    /// When it cannot be sent: then the server has not seen all of it.
    pub(crate) fn send(&mut self, method: &str, path: &str, media: &str, body: &[u8]) -> Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(key) = &self.api_key {
            head += &format!("x-api-key: {key}\r\n");
        }
        if !media.is_empty() {
            head += &format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let stream = connection.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        self.connection = Some(connection);
        Ok(())
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address).with_context(|| format!("nobody is at {}", self.address))?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }

    /// Waits for the answer to what was sent.
    ///
    /// # Errors
    /// When it does not come, or not whole: then nothing is known about the request.
    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut body = Vec::new();
        let status = self.receive_into(&mut body)?;
        Ok(Answer { status, body })
    }

    /// As [`receive`](Self::receive), with the body written to `out` as it comes; returns the
    /// status.
    ///
    /// # Errors
    /// As for [`receive`](Self::receive), and when `out` fails.
    pub(crate) fn receive_into(&mut self, out: &mut impl Write) -> Result<u16> {
        let mut connection = self.connection.take().context("nothing was sent")?;
        let head = Head::read(&mut connection)?;
        match head.length {
            _ if head.status == 204 => {}
            Some(length) => exactly(&mut connection, length, out)?,
            None if head.chunked => while chunk(&mut connection, out)? {},
            None => bail!("an answer without a length"),
        }
        if !head.close {
            self.connection = Some(connection);
        }
        Ok(head.status)
    }
}

/// What stands before a body.
#[derive(Default)]
struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
    close: bool,
}

impl Head {
    fn read(connection: &mut impl BufRead) -> Result<Self> {
        let first = line(connection)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut head = Self { status: status.with_context(|| format!("not HTTP: {first:?}"))?, ..Self::default() };
        loop {
            let line = line(connection)?;
            let Some((name, value)) = line.split_once(':') else { return Ok(head) };
            let value = value.trim().to_ascii_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse()?),
                "transfer-encoding" => head.chunked = value == "chunked",
                "connection" => head.close = value == "close",
                _ => {}
            }
        }
    }
}

fn line(connection: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "the answer broke off");
    Ok(line.trim_end().to_owned())
}

/// Reads a chunk of a body; says whether it was not the last.
fn chunk(connection: &mut impl BufRead, out: &mut impl Write) -> Result<bool> {
    let size = line(connection)?;
    let size = u64::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
    exactly(connection, size, out)?;
    ensure!(line(connection)?.is_empty(), "the answer broke off");
    Ok(size > 0)
}

fn exactly(connection: &mut impl BufRead, length: u64, out: &mut impl Write) -> Result<()> {
    let copied = std::io::copy(&mut Read::take(connection, length), out)?;
    ensure!(copied == length, "the answer broke off");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_end_where_they_are_said_to() {
        let mut answer = "HTTP/1.1 207 Multi-Status\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabcd".as_bytes();
        let head = Head::read(&mut answer).unwrap();
        assert_eq!((head.status, head.length, head.close, head.chunked), (207, Some(3), true, false));
        let (mut chunks, mut body) = ("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n".as_bytes(), Vec::new());
        while chunk(&mut chunks, &mut body).unwrap() {}
        assert_eq!(body, b"abcde");
        assert!(chunk(&mut "5\r\nabc".as_bytes(), &mut body).is_err());
    }
}
