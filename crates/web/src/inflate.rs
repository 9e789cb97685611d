//! Bodies as they come off the wire: counted as they grow.
//!
//! A limit on the bytes that arrive does not limit the bytes that come out of a decompressor:
//! two hundred kilobytes of gzip can be two hundred megabytes of zeros. So the sink behind the
//! decompressor counts, and refuses the write that would pass the limit, before it is made.

use std::io::{self, Write};

use base::{Error, ErrorKind};
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// At most this many bytes out for one byte in.
const RATIO_MAX: u64 = 100;
/// Until this many bytes are out, the ratio says nothing: small bodies may be very regular.
const RATIO_FLOOR: u64 = 64 << 10;

/// Takes the chunks of a body and gives back what they hold.
pub(crate) enum Decoder {
    Plain { seen: u64, max: u64 },
    Gzip { inner: Box<MultiGzDecoder<Sink>>, read: u64 },
}

impl Decoder {
    /// The decoder for a body with these headers, of at most `max` bytes decompressed.
    ///
    /// # Errors
    /// `UnsupportedMedia` for an encoding other than gzip; `TooLarge` when the declared length is.
    pub(crate) fn new(headers: &HeaderMap, max: u64) -> base::Result<Self> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > max) {
            return Err(too_large(max));
        }
        let encoding = headers.get(CONTENT_ENCODING).map_or("identity", |value| value.to_str().unwrap_or_default());
        match encoding.trim().to_ascii_lowercase().as_str() {
            "identity" | "" => Ok(Self::Plain { seen: 0, max }),
            "gzip" | "x-gzip" => {
                Ok(Self::Gzip { inner: Box::new(MultiGzDecoder::new(Sink { max, ..Sink::default() })), read: 0 })
            }
            _ => {
                let text = "The body may be encoded with gzip, or not at all";
                let error = Error::new(ErrorKind::UnsupportedMedia, text);
                Err(error.with_detail("value_error", "Content-Encoding", text))
            }
        }
    }

    /// What this chunk holds.
    ///
    /// # Errors
    /// `TooLarge` over the limit or the ratio; `Malformed` when it is no gzip.
    pub(crate) fn push(&mut self, chunk: Bytes) -> base::Result<Bytes> {
        match self {
            Self::Plain { seen, max } => {
                *seen += chunk.len() as u64;
                if *seen > *max { Err(too_large(*max)) } else { Ok(chunk) }
            }
            Self::Gzip { inner, read } => {
                *read += chunk.len() as u64;
                inner.get_mut().ratio_allows = RATIO_FLOOR.max(read.saturating_mul(RATIO_MAX));
                inner.write_all(&chunk).map_err(|error| fault(inner.get_ref(), &error))?;
                // What the decompressor still holds back comes out with a flush.
                inner.flush().map_err(|error| fault(inner.get_ref(), &error))?;
                Ok(inner.get_mut().take())
            }
        }
    }

    /// What was held back, once the body has ended.
    ///
    /// # Errors
    /// As [`push`](Self::push); `Malformed` also when the body was cut short.
    pub(crate) fn finish(&mut self) -> base::Result<Bytes> {
        match self {
            Self::Plain { .. } => Ok(Bytes::new()),
            Self::Gzip { inner, .. } => {
                inner.try_finish().map_err(|error| fault(inner.get_ref(), &error))?;
                Ok(inner.get_mut().take())
            }
        }
    }
}

fn fault(sink: &Sink, error: &io::Error) -> Error {
    if sink.exceeded {
        return too_large(sink.max);
    }
    Error::new(ErrorKind::Malformed, "The body is not valid gzip").with_internal(error)
}

fn too_large(max: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("The body may have at most {max} bytes, decompressed at most 100 for one"))
}

/// Takes what comes out of the decompressor, up to its limits.
#[derive(Default)]
pub(crate) struct Sink {
    out: Vec<u8>,
    total: u64,
    max: u64,
    ratio_allows: u64,
    exceeded: bool,
}

impl Sink {
    fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.out).into()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len() as u64;
        if self.total > self.max.min(self.ratio_allows) {
            self.exceeded = true;
            return Err(io::Error::other("over the limit"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
