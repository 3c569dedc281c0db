//! Heads of HTTP/1 requests, looked at before the HTTP library reads them.
//!
//! The library puts up with some spellings that a server in front of us may read differently: a length beside chunks, a length
//! that stands twice, codings beside `chunked`, lines that end without a carriage return. Each is a way to hide a second
//! request in the first one. Here the line that shows it is spoilt, so that the library refuses the
//! request and closes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose heads are looked at.
#[derive(Debug)]
pub(super) struct Heads<I> {
    inner: I,
    watch: Watch,
}

impl<I> Heads<I> {
    pub(super) fn new(inner: I) -> Self {
        Self {
            inner,
            watch: Watch::default(),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Heads<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if let Some(good) = this.watch.look(new) {
            // What follows is not looked at by anybody: the connection ends.
            buf.set_filled(before.saturating_add(good));
            if buf.remaining() < SPOILT.len() {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            buf.put_slice(SPOILT);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heads<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// Where in the stream of a connection we are.
#[derive(Debug, Default)]
struct Watch {
    place: Place,
    /// The beginning of a line that has not ended yet.
    begun: Vec<u8>,
    head: Head,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// In a body, with so many bytes to come.
    Body(u64),
    /// Nothing is looked at any more: it is HTTP/2, the connection ends after this request, or the library refuses it.
    Passed,
}

/// What the present head has said so far.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    has_request: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Watch {
    /// Looks at what has come. If a line may not stand as it is: how much of this is before it.
    fn look(&mut self, new: &[u8]) -> Option<usize> {
        let mut bytes = new;
        loop {
            match self.place {
                Place::Passed => return None,
                Place::Body(left) => {
                    let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
                    let at = usize::try_from(here).unwrap_or(usize::MAX);
                    (_, bytes) = bytes.split_at_checked(at)?;
                    let left = left.saturating_sub(here);
                    if left > 0 {
                        self.place = Place::Body(left);
                        return None;
                    }
                    self.place = Place::Head;
                }
                Place::Head => {
                    let Some(end) = memchr::memchr(b'\n', bytes) else {
                        self.begin_line(bytes);
                        return None;
                    };
                    let (line, rest) = bytes.split_at_checked(end.saturating_add(1))?;
                    if !self.ends_line(line) {
                        self.place = Place::Passed;
                        return new.len().checked_sub(bytes.len());
                    }
                    bytes = rest;
                }
            }
        }
    }

    /// Keeps what has come of a line. What is longer than a line of ours may be is cut: all that counts then is how it ends.
    fn begin_line(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.begun.len());
        self.begun.extend(bytes.iter().take(room));
        if let (Some(kept), Some(last)) = (self.begun.last_mut(), bytes.last()) {
            *kept = *last;
        }
    }

    /// Whether a line may stand as it is. With it ends what is here of it, its line feed.
    fn ends_line(&mut self, line: &[u8]) -> bool {
        if self.begun.is_empty() {
            return line
                .strip_suffix(b"\r\n")
                .is_some_and(|text| self.read(text));
        }
        let mut whole = std::mem::take(&mut self.begun);
        let room = LONGEST.saturating_sub(whole.len());
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        whole.extend(text.iter().take(room));
        let ends = text.last().or_else(|| whole.last()) == Some(&b'\r');
        if whole.last() == Some(&b'\r') {
            whole.pop();
        }
        let fits = ends && self.read(&whole);
        whole.clear();
        self.begun = whole;
        fits
    }

    fn read(&mut self, text: &[u8]) -> bool {
        if !self.head.has_request {
            self.head.has_request = !text.is_empty();
            if text.starts_with(PREFACE) {
                self.place = Place::Passed;
            }
            return true;
        }
        if text.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.place = match head.length {
                // The connection ends after a body in chunks, see [`super::front`].
                _ if head.chunked => Place::Passed,
                Some(length) if length > 0 => Place::Body(length),
                Some(_) | None => Place::Head,
            };
            return true;
        }
        match text.first().map(u8::to_ascii_lowercase) {
            Some(b'c') => self.length(text),
            Some(b't') => self.coding(text),
            _ => true,
        }
    }

    //= RFC9112#6.3 MUST: a length that is none, or stands twice, makes the request one that is refused
    fn length(&mut self, text: &[u8]) -> bool {
        let Some(value) = value_of(text, b"content-length") else {
            return true;
        };
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit) && is_short(text);
        let value = std::str::from_utf8(value).ok().filter(|_| digits);
        let value = value.and_then(|value| value.parse().ok());
        let fits = value.is_some() && self.head.length.is_none() && !self.head.chunked;
        self.head.length = value;
        fits
    }

    //= RFC9112#6.1 SHOULD: a request with a length beside its chunks is refused
    fn coding(&mut self, text: &[u8]) -> bool {
        let Some(value) = value_of(text, b"transfer-encoding") else {
            return true;
        };
        let fits = value.eq_ignore_ascii_case(b"chunked")
            && is_short(text)
            && self.head.length.is_none()
            && !self.head.chunked;
        self.head.chunked = true;
        fits
    }
}

/// The value of a line, if it is of this field.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (named, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    named.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Whether a line is here as a whole, even if it came in pieces.
fn is_short(line: &[u8]) -> bool {
    line.len() < LONGEST.saturating_sub(1)
}

/// What stands for a line that may not be there, and all that follows: the end of a head that is none.
const SPOILT: &[u8] = b"\0\r\n\r\n";

/// How HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.";

/// So much is kept of a line that comes in pieces: more than the fields that are looked at can need.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "POST /token HTTP/1.1\r\nHost: op.test\r\n";

    /// Whether all goes on to the library as it is, however the bytes come in.
    fn passes(sent: &str) -> bool {
        let whole = in_pieces(sent.as_bytes(), sent.len());
        for size in 1..sent.len().min(40) {
            let pieces = in_pieces(sent.as_bytes(), size);
            assert_eq!(pieces, whole, "{sent:?} in {size}");
        }
        whole
    }

    fn in_pieces(sent: &[u8], size: usize) -> bool {
        let mut watch = Watch::default();
        sent.chunks(size.max(1))
            .all(|piece| watch.look(piece).is_none())
    }

    #[test]
    fn a_line_is_spoilt_where_it_begins() {
        for (sent, good) in [
            ("GET / HTTP/1.1\r\nX: y\nHost: a\r\n\r\n", 16),
            ("GET / HTTP/1.1\nX: y\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\n\n", 16),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\nGET /\n", 39),
        ] {
            assert_eq!(
                Watch::default().look(sent.as_bytes()),
                Some(good),
                "{sent:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_spoilt_is_a_head_that_has_ended_and_is_none() {
        use tokio::io::AsyncReadExt;
        let sent: &[u8] = b"GET / HTTP/1.1\r\nContent-Length: +3\r\n\r\na=b";
        let mut all = [0; 100];
        let length = Heads::new(sent).read(&mut all).await.unwrap();
        assert_eq!(&all[..length], b"GET / HTTP/1.1\r\n\0\r\n\r\n");
        // Where there is no room to say so, the connection ends.
        let mut heads = Heads::new(sent);
        heads.read_exact(&mut [0; 35]).await.unwrap();
        let full = heads.read(&mut [0; 1]).await;
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    // HT-01
    #[test]
    fn framing_that_can_be_read_in_two_ways_is_spoilt_at_its_line() {
        //= test RFC9112#6.1 a request with a length beside its chunks is refused
        //= test RFC9112#6.3 a length that is none, or stands twice, makes the request one that is refused
        for fields in [
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            "Content-Length: 4\r\nX: y\r\nContent-Length: 5\r\n",
            "Content-Length: +4\r\n",
            "Content-Length:\r\n",
            "Content-Length: 4, 4\r\n",
            "Content-Length: 0x4\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "X: y\n",
            "X: y\r\n\n",
            "X: y\r\r\n\n",
            "\n",
            "Content-Length: 4\n",
        ] {
            let sent = format!("{POST}{fields}\r\na=b&");
            assert!(!passes(&sent), "{fields:?}");
        }
        assert!(!passes("GET / HTTP/1.1\nHost: a\r\n\r\n"));
        for field in [
            format!("Content-Length: {}5", "0".repeat(200)),
            format!("Content-Length: 5{}", " ".repeat(200)),
            format!("Transfer-Encoding: {}chunked", " ".repeat(200)),
        ] {
            let sent = format!("{POST}{field}\r\n\r\n");
            assert!(!passes(&sent), "{field:?}");
        }
        let cut = format!("GET / HTTP/1.1\r\nX: {}\n\r\n", "a".repeat(300));
        assert!(!passes(&cut));
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(300));
        let long_first = format!("GET /{} HTTP/1.1\r\nX: y\r\n\r\n", "a".repeat(300));
        for sent in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            // What a body looks like does not matter, nor does what follows chunks: the connection ends.
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\na\nb\n\n\r\nc!GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked \r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Lengthy: x\r\nTransfer-Encodings: x\r\nTE: trailers\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\n\n\0\n",
            &long,
            &long_first,
        ] {
            assert!(passes(sent), "{sent:?}");
        }
    }

    // HT-01
    #[test]
    fn the_head_after_a_body_is_looked_at_like_the_first() {
        for sent in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na\nbGET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(!passes(sent), "{sent:?}");
        }
    }
}
