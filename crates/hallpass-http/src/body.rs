//! Reading request bodies: bounded in size and in time.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt as _;

/// Most bytes of a form body.
pub const MAX_FORM: usize = 65_536;
/// Most bytes of a JSON body.
pub const MAX_JSON: usize = 131_072;
/// A body must arrive within this time.
const DEADLINE: Duration = Duration::from_secs(20);

/// A body that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More bytes than allowed.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The connection broke or the framing is wrong.
    Broken,
    /// It is compressed; request bodies never are.
    Encoded,
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// [`BodyError`].
pub async fn read_body<B>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body + Send,
    B::Data: Send,
{
    let encoded = headers
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|v| v.as_bytes() != b"identity");
    if encoded {
        return Err(BodyError::Encoded);
    }
    let declared = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|d| d > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(DEADLINE, collect(body, limit))
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut body = std::pin::pin!(body);
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.as_mut().frame().await {
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        let have = first.as_ref().map_or(rest.len(), Bytes::len);
        if have.saturating_add(data.remaining()) > limit {
            return Err(BodyError::TooLarge);
        }
        let piece = data.copy_to_bytes(data.remaining());
        // Nearly every body is one piece: it is passed on without a copy.
        if first.is_none() && rest.is_empty() {
            first = Some(piece);
        } else {
            if let Some(start) = first.take() {
                rest.extend_from_slice(&start);
            }
            rest.extend_from_slice(&piece);
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}
