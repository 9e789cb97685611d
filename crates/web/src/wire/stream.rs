//! The stream that the HTTP library reads and writes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Heads;

/// No head may hold a NUL: whatever came before it, the library refuses the whole.
const POISON: &[u8] = b"\0\r\n\r\n";

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// For a head, from the beginning of the connection or its first byte.
    pub(crate) head: Duration,
    /// For silence in both directions.
    pub(crate) idle: Duration,
    /// To take some of what we send.
    pub(crate) write: Duration,
}

/// A connection that is watched.
pub(crate) struct Guarded<T> {
    inner: T,
    heads: Heads,
    times: Times,
    /// What is still to be passed on instead of the peer's bytes, once a head was refused.
    poison: Option<&'static [u8]>,
    /// When the peer is late. The timer is moved only when it fires too early or would too late.
    read_by: Instant,
    read_timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Guarded<T> {
    /// Watches a connection that has just been opened.
    pub(crate) fn new(inner: T, times: Times) -> Self {
        let read_by = Instant::now() + times.head;
        let read_timer = Box::pin(tokio::time::sleep_until(read_by));
        Self { inner, heads: Heads::new(), times, poison: None, read_by, read_timer, write_timer: None }
    }

    /// Fails when the peer is late.
    fn check_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.read_timer.as_mut().poll(cx).is_ready() {
            if self.read_by <= Instant::now() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.read_timer.as_mut().reset(self.read_by);
        }
        Ok(())
    }

    /// Sets the time again after bytes went one way or the other. `began` = a head began with
    /// them and did not end; while it lasts, nothing gives it more time.
    fn restart(&mut self, was_inside_head: bool) {
        let inside = self.heads.is_inside_head();
        if inside && was_inside_head {
            return;
        }
        self.read_by = Instant::now() + if inside { self.times.head } else { self.times.idle };
        if self.read_by < self.read_timer.deadline() {
            self.read_timer.as_mut().reset(self.read_by);
        }
    }

    fn drain_poison(&mut self, buf: &mut ReadBuf<'_>) {
        if let Some(rest) = self.poison {
            let some = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..some]);
            self.poison = Some(&rest[some..]);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poison.is_some() {
            this.drain_poison(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            read?;
            let was_inside_head = this.heads.is_inside_head();
            if let Err(refused) = this.heads.see(&buf.filled()[before..]) {
                buf.set_filled(before + refused.after);
                this.poison = Some(POISON);
                this.drain_poison(buf);
            }
            this.restart(was_inside_head);
            return Poll::Ready(Ok(()));
        }
        this.check_time(cx)?;
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> Guarded<T> {
    /// Bounds an operation of writing by the write timeout.
    fn write<R>(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(done) = operation(Pin::new(&mut self.inner), cx) {
            self.write_timer = None;
            let inside = self.heads.is_inside_head();
            self.restart(inside);
            return Poll::Ready(done);
        }
        let timeout = self.times.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, |inner, cx| inner.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, |inner, cx| inner.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write(cx, |inner, cx| inner.poll_shutdown(cx))
    }
}
