//! Pictures of clients for the consent page. They are fetched here, through the guard, and put into the page, so that
//! no browser tells a client's server who is about to decide.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_core::client::Client;
use hallpass_types::Timestamp;

use crate::{
    Provider,
    ports::{FetchError, FetchRequest},
};

/// How long a picture, or that there is none, is held (seconds).
const AGE: i64 = 3600;
const MAX_BYTES: usize = 65_536;
/// More pixels than this on a side are refused: a small file can hold a picture that fills the memory.
const MAX_SIDE: u32 = 2048;
const CAPACITY: usize = 200;
/// A page waits no longer than this for its picture.
const TIMEOUT: Duration = Duration::from_secs(2);

/// An operator who names a picture waits longer for it.
const OPERATORS_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Logos(Mutex<HashMap<String, Held>>);

#[derive(Debug)]
struct Held {
    picture: Option<Arc<str>>,
    fresh_until: Timestamp,
}

impl Logos {
    fn get(&self, uri: &str, now: Timestamp) -> Option<Option<Arc<str>>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(uri)
            .filter(|held| !held.fresh_until.is_over(now))
            .map(|held| held.picture.clone())
    }

    fn put(&self, uri: &str, picture: Option<Arc<str>>, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAPACITY {
            all.clear();
        }
        let fresh_until = now.plus(AGE);
        let held = Held {
            picture,
            fresh_until,
        };
        all.insert(uri.to_owned(), held);
    }
}

impl Provider {
    /// The picture of a client as a `data:` URI.
    pub(crate) async fn logo(&self, client: &Client) -> Option<Arc<str>> {
        let uri = client.shown_logo()?;
        let now = self.now();
        if let Some(held) = self.inner.logos.get(uri, now) {
            return held;
        }
        let request = FetchRequest {
            url: uri,
            accept: "image/png, image/jpeg, image/gif",
            max_bytes: MAX_BYTES,
            timeout: TIMEOUT,
        };
        let fetched = self.inner.fetcher.fetch(request).await.ok();
        let picture = fetched.and_then(|fetched| data_uri(&fetched.body));
        self.inner.logos.put(uri, picture.clone(), now);
        picture
    }
}

impl Provider {
    /// The bytes that an operator names by an address, to be kept as a picture. Nothing is said about what they are.
    ///
    /// # Errors
    /// The address is not allowed, or nobody answered with so few bytes in time.
    pub async fn fetch_picture(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let request = FetchRequest {
            url,
            accept: "image/svg+xml, image/png, image/webp",
            max_bytes: MAX_BYTES,
            timeout: OPERATORS_TIMEOUT,
        };
        Ok(self.inner.fetcher.fetch(request).await?.body)
    }
}

/// The picture for an `img` element. What it is follows from its first bytes, not from what the server says.
fn data_uri(bytes: &[u8]) -> Option<Arc<str>> {
    let (media_type, width, height) = png(bytes).or_else(|| gif(bytes)).or_else(|| jpeg(bytes))?;
    let sides = 1..=MAX_SIDE;
    (sides.contains(&width) && sides.contains(&height))
        .then(|| format!("data:{media_type};base64,{}", STANDARD.encode(bytes)).into())
}

type Kind = (&'static str, u32, u32);

fn png(bytes: &[u8]) -> Option<Kind> {
    let header = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")?;
    let (width, rest) = header.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some((
        "image/png",
        u32::from_be_bytes(*width),
        u32::from_be_bytes(*height),
    ))
}

fn gif(bytes: &[u8]) -> Option<Kind> {
    let header = bytes
        .strip_prefix(b"GIF87a")
        .or_else(|| bytes.strip_prefix(b"GIF89a"))?;
    let (width, rest) = header.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some((
        "image/gif",
        u16::from_le_bytes(*width).into(),
        u16::from_le_bytes(*height).into(),
    ))
}

/// Walks over the segments to the one that starts the frame.
fn jpeg(bytes: &[u8]) -> Option<Kind> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    loop {
        let ([0xff, marker], after) = rest.split_first_chunk()? else {
            return None;
        };
        let (length, _) = after.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (segment, next) = after.split_at_checked(length.max(2))?;
        // Tables have the numbers in between.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let (height, after) = segment.get(3..)?.split_first_chunk()?;
            let (width, _) = after.split_first_chunk()?;
            return Some((
                "image/jpeg",
                u16::from_be_bytes(*width).into(),
                u16::from_be_bytes(*height).into(),
            ));
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let start: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
        [start, &width.to_be_bytes(), &height.to_be_bytes(), b"\x08"].concat()
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        let jpeg: &[u8] =
            b"\xff\xd8\xff\xe0\0\x04ab\xff\xc4\0\x02\xff\xc2\0\x0b\x08\0\x10\0\x20\x01\x01\x11\0";
        for (bytes, media_type) in [
            (&*png_of(900, 360), "data:image/png;base64,iVBORw0KGgo"),
            (
                b"GIF89a\x10\0\x10\0\0\0\0",
                "data:image/gif;base64,R0lGODlh",
            ),
            (jpeg, "data:image/jpeg;base64,/9j/"),
        ] {
            let picture = data_uri(bytes).unwrap();
            assert!(picture.starts_with(media_type), "{picture}");
        }
    }

    #[test]
    fn nothing_else_is_a_picture() {
        let cases: &[&[u8]] = &[
            b"",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<html>",
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIDAT\0\0\0\x01\0\0\0\x01",
            b"GIF89a\x10",
            b"\xff\xd8",
            b"\xff\xd8\xff\xe0\0\0\xff\xe0\0\0",
            b"\xff\xd8\xff\xe0\xff\xffab",
            b"\xff\xd8\xff\xc0\0\x03\x08",
            b"\xff\xd8ab\0\x02",
        ];
        for bytes in cases {
            assert_eq!(data_uri(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_picture_that_would_fill_the_memory_is_none() {
        for (width, height, good) in [
            (1, 1, true),
            (2048, 2048, true),
            (2049, 1, false),
            (1, 2049, false),
            (0, 1, false),
            (u32::MAX, u32::MAX, false),
        ] {
            let picture = data_uri(&png_of(width, height));
            assert_eq!(picture.is_some(), good, "{width} × {height}");
        }
        let jpeg: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0";
        assert_eq!(data_uri(jpeg), None);
    }
}
