//! One open connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Authority, Failure};

/// A connection that is opened when it is first used, and again after the server closed it.
#[derive(Debug)]
pub struct Connection {
    authority: Authority,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    unchunked: Vec<u8>,
}

/// An answer, borrowed from the connection that read it.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Status code.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
    head: &'a [u8],
}

impl Connection {
    /// A connection to that server; nothing is sent yet.
    #[must_use]
    pub fn new(authority: Authority) -> Self {
        Self {
            authority,
            stream: None,
            received: Vec::with_capacity(BUFFER),
            unchunked: Vec::new(),
        }
    }

    /// Forgets the open connection; the next exchange opens another.
    pub fn reset(&mut self) {
        self.stream = None;
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`Failure::Io`], [`Failure::Closed`] or [`Failure::Malformed`]; the connection is then
    /// forgotten. The status is not looked at.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response<'_>, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open().await?,
        };
        stream.write_all(request).await?;
        self.received.clear();
        let head = loop {
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
            read_more(&mut stream, &mut self.received).await?;
        };
        let body_end = match head.body {
            Framing::Length(length) => {
                let end = head.length.saturating_add(length);
                while self.received.len() < end {
                    read_more(&mut stream, &mut self.received).await?;
                }
                end
            }
            Framing::Chunked => {
                self.unchunked.clear();
                let mut at = head.length;
                while let Some(next) = next_chunk(&self.received, at, &mut self.unchunked)? {
                    match next {
                        Chunk::Read(end) => at = end,
                        Chunk::Missing => read_more(&mut stream, &mut self.received).await?,
                    }
                }
                at
            }
        };
        if !head.close {
            self.stream = Some(stream);
        }
        let body = match head.body {
            Framing::Length(_) => self.received.get(head.length..body_end),
            Framing::Chunked => Some(self.unchunked.as_slice()),
        };
        Ok(Response {
            status: head.status,
            body: body.unwrap_or_default(),
            head: self.received.get(..head.length).unwrap_or_default(),
        })
    }

    async fn open(&self) -> Result<TcpStream, Failure> {
        let address = (self.authority.host.as_str(), self.authority.port);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl<'a> Response<'a> {
    /// The first header of that name, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// Every header with its name, where both are text.
    pub fn all_headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            Some((name, value.trim()))
        })
    }

    /// Every header of that name.
    pub fn headers<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(move |line| {
            let (found, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

async fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Failure> {
    if received.capacity() == received.len() {
        received.reserve(BUFFER);
    }
    if stream.read_buf(received).await? == 0 {
        return Err(Failure::Closed);
    }
    Ok(())
}

/// What the client needs of a head.
#[derive(Debug)]
struct Head {
    status: u16,
    length: usize,
    body: Framing,
    close: bool,
}

#[derive(Debug)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Head {
    /// The head at the beginning of what was received, or `None` while it is incomplete.
    fn parse(received: &[u8]) -> Result<Option<Self>, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; 48];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(received) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Failure::Malformed("head")),
        };
        let status = response.code.ok_or(Failure::Malformed("status"))?;
        let (mut body, mut close) = (None, false);
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = std::str::from_utf8(header.value)
                    .ok()
                    .and_then(|text| text.trim().parse().ok())
                    .ok_or(Failure::Malformed("content-length"))?;
                body = Some(Framing::Length(length));
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                body = Some(Framing::Chunked);
            } else if header.name.eq_ignore_ascii_case("connection") {
                close = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        let body = match (status, body) {
            (204 | 304, _) => Framing::Length(0),
            (_, Some(framing)) => framing,
            (_, None) => return Err(Failure::Malformed("neither length nor chunks")),
        };
        Ok(Some(Self {
            status,
            length,
            body,
            close,
        }))
    }
}

enum Chunk {
    /// A chunk was copied; the next one begins there.
    Read(usize),
    /// More must be received first.
    Missing,
}

/// Copies the chunk that begins at `at`; `None` after the last one.
fn next_chunk(received: &[u8], at: usize, body: &mut Vec<u8>) -> Result<Option<Chunk>, Failure> {
    let rest = received.get(at..).unwrap_or_default();
    let (line, size) = match httparse::parse_chunk_size(rest) {
        Ok(httparse::Status::Complete(found)) => found,
        Ok(httparse::Status::Partial) => return Ok(Some(Chunk::Missing)),
        Err(_) => return Err(Failure::Malformed("chunk size")),
    };
    let size = usize::try_from(size).map_err(|_| Failure::Malformed("chunk size"))?;
    let data_end = line.saturating_add(size);
    let chunk_end = data_end.saturating_add(2);
    if rest.len() < chunk_end {
        return Ok(Some(Chunk::Missing));
    }
    if size == 0 {
        return Ok(None);
    }
    body.extend_from_slice(rest.get(line..data_end).unwrap_or_default());
    Ok(Some(Chunk::Read(at.saturating_add(chunk_end))))
}

const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_the_body_ends() {
        let bytes = b"HTTP/1.1 303 See Other\r\nContent-Length: 5\r\nLocation: /x\r\n\r\nhello";
        let head = Head::parse(bytes).unwrap().unwrap();
        assert_eq!(head.status, 303);
        assert!(matches!(head.body, Framing::Length(5)));
        assert_eq!(&bytes[head.length..], b"hello");
    }

    #[test]
    fn half_a_head_is_not_yet_an_answer() {
        assert!(
            Head::parse(b"HTTP/1.1 200 OK\r\nContent-Le")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_head_without_a_length_is_refused_and_not_guessed() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn something_that_is_not_http_is_refused() {
        assert!(Head::parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }

    #[test]
    fn headers_are_found_in_any_case_and_more_than_once() {
        let head = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
        let response = Response {
            status: 200,
            body: b"",
            head,
        };
        let cookies: Vec<_> = response.headers("SET-COOKIE").collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.header("location"), None);
    }

    #[test]
    fn chunks_are_joined_and_an_incomplete_one_waits() {
        let bytes = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (mut body, mut at) = (Vec::new(), 0);
        while let Some(Chunk::Read(next)) = next_chunk(bytes, at, &mut body).unwrap() {
            at = next;
        }
        assert_eq!(body, b"abcde");
        let waiting = next_chunk(b"5\r\nab", 0, &mut Vec::new()).unwrap();
        assert!(matches!(waiting, Some(Chunk::Missing)));
    }
}
