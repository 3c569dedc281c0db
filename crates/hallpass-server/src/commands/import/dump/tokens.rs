//! The words, names and values of a dump.

use std::io::BufRead;

use super::DumpError;

/// Bytes of one value, name or word.
pub(super) const LONGEST: usize = 1 << 20;
/// Bytes of a line of `COPY`.
const LONGEST_LINE: usize = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    MySql,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word or a number.
    Word(String),
    /// A quoted name.
    Name(String),
    /// A quoted value.
    Text(Vec<u8>),
    Sign(u8),
    End,
}

pub(super) struct Reader<R> {
    pub(super) inner: R,
    pub(super) peeked: Option<u8>,
    pub(super) line: u64,
    pub(super) dialect: Dialect,
    /// Whether values are of interest.
    pub(super) keep: bool,
}

impl<R: BufRead> Reader<R> {
    fn byte(&mut self) -> Result<Option<u8>, DumpError> {
        if let Some(byte) = self.peeked.take() {
            return Ok(Some(byte));
        }
        let Some(byte) = self.inner.fill_buf()?.first().copied() else {
            return Ok(None);
        };
        self.inner.consume(1);
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Ok(Some(byte))
    }

    fn peek(&mut self) -> Result<Option<u8>, DumpError> {
        if self.peeked.is_none() {
            self.peeked = self.byte()?;
        }
        Ok(self.peeked)
    }

    pub(super) fn broken<T>(&self) -> Result<T, DumpError> {
        Err(DumpError::Broken(self.line))
    }

    fn push(&self, out: &mut Vec<u8>, byte: u8) -> Result<(), DumpError> {
        if self.keep {
            if out.len() >= LONGEST {
                return Err(DumpError::TooLong(self.line));
            }
            out.push(byte);
        }
        Ok(())
    }

    pub(super) fn skip_line(&mut self) -> Result<(), DumpError> {
        while let Some(byte) = self.byte()? {
            if byte == b'\n' {
                break;
            }
        }
        Ok(())
    }

    /// Bodies of triggers, up to the line that sets the delimiter back.
    pub(super) fn skip_delimited(&mut self) -> Result<(), DumpError> {
        self.skip_line()?;
        loop {
            let Some(line) = self.line()? else {
                return Ok(());
            };
            if line.trim_ascii().eq_ignore_ascii_case(b"DELIMITER ;") {
                return Ok(());
            }
        }
    }

    pub(super) fn skip_statement(&mut self) -> Result<(), DumpError> {
        loop {
            match self.token()? {
                Token::Sign(b';') | Token::End => return Ok(()),
                Token::Word(_) | Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
            }
        }
    }

    /// A line without its end; none at the end.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, DumpError> {
        let mut line = Vec::new();
        let mut any = false;
        while let Some(byte) = self.byte()? {
            any = true;
            if byte == b'\n' {
                break;
            }
            if line.len() >= LONGEST_LINE {
                return Err(DumpError::TooLong(self.line));
            }
            line.push(byte);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(any.then_some(line))
    }

    pub(super) fn token(&mut self) -> Result<Token, DumpError> {
        loop {
            let Some(byte) = self.byte()? else {
                return Ok(Token::End);
            };
            match byte {
                _ if byte.is_ascii_whitespace() => {}
                b'-' if self.peek()? == Some(b'-') => self.skip_line()?,
                b'#' if self.dialect == Dialect::MySql => self.skip_line()?,
                b'/' if self.peek()? == Some(b'*') => self.comment()?,
                b'\'' => return self.text(b'\'', self.dialect == Dialect::MySql),
                b'"' if self.dialect == Dialect::MySql => return self.text(b'"', true),
                b'"' | b'`' => return self.name(byte),
                b'$' if self.dialect == Dialect::Postgres => return self.dollar(),
                _ if is_word(byte) && byte != b'.' => return self.word(byte),
                _ => return Ok(Token::Sign(byte)),
            }
        }
    }

    fn comment(&mut self) -> Result<(), DumpError> {
        let mut last = 0;
        // The star that opens it is not the one that closes it.
        self.byte()?;
        while let Some(byte) = self.byte()? {
            if last == b'*' && byte == b'/' {
                return Ok(());
            }
            last = byte;
        }
        self.broken()
    }

    fn text(&mut self, quote: u8, backslashes: bool) -> Result<Token, DumpError> {
        let mut out = Vec::new();
        loop {
            let Some(byte) = self.byte()? else {
                return self.broken();
            };
            if byte == quote {
                if self.peek()? != Some(quote) {
                    return Ok(Token::Text(out));
                }
                self.byte()?;
                self.push(&mut out, quote)?;
            } else if byte == b'\\' && backslashes {
                let Some(next) = self.byte()? else {
                    return self.broken();
                };
                let meant = match next {
                    b'0' => 0,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'Z' => 26,
                    other => other,
                };
                self.push(&mut out, meant)?;
            } else {
                self.push(&mut out, byte)?;
            }
        }
    }

    fn name(&mut self, quote: u8) -> Result<Token, DumpError> {
        let kept = std::mem::replace(&mut self.keep, true);
        let text = self.text(quote, false);
        self.keep = kept;
        match text? {
            Token::Text(bytes) => match String::from_utf8(bytes) {
                Ok(name) => Ok(Token::Name(name)),
                Err(_) => Err(DumpError::NotText(self.line)),
            },
            Token::Word(_) | Token::Name(_) | Token::Sign(_) | Token::End => self.broken(),
        }
    }

    /// `$tag$ … $tag$`; a lone dollar is a sign.
    fn dollar(&mut self) -> Result<Token, DumpError> {
        let mut tag = vec![b'$'];
        loop {
            match self.peek()? {
                Some(b'$') => {
                    self.byte()?;
                    tag.push(b'$');
                    break;
                }
                Some(byte) if (byte.is_ascii_alphanumeric() || byte == b'_') && tag.len() < 64 => {
                    self.byte()?;
                    tag.push(byte);
                }
                Some(_) | None => return Ok(Token::Sign(b'$')),
            }
        }
        let mut end: Vec<u8> = Vec::with_capacity(tag.len());
        loop {
            let Some(byte) = self.byte()? else {
                return self.broken();
            };
            if end.len() == tag.len() {
                end.remove(0);
            }
            end.push(byte);
            if end == tag {
                return Ok(Token::Text(Vec::new()));
            }
        }
    }

    fn word(&mut self, first: u8) -> Result<Token, DumpError> {
        let mut word = vec![first];
        while let Some(byte) = self.peek()? {
            if !is_word(byte) {
                break;
            }
            if word.len() >= LONGEST {
                return Err(DumpError::TooLong(self.line));
            }
            self.byte()?;
            word.push(byte);
        }
        // Escapes of PostgreSQL and introducers of MySQL stand before a quote.
        if self.peek()? == Some(b'\'') {
            let backslashes = matches!(word.as_slice(), b"E" | b"e");
            if backslashes || self.dialect == Dialect::MySql {
                self.byte()?;
                return self.text(b'\'', true);
            }
        }
        match String::from_utf8(word) {
            Ok(word) => Ok(Token::Word(word)),
            Err(_) => Err(DumpError::NotText(self.line)),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte >= 0x80
}
