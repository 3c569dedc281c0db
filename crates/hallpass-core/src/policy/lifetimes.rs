//! How long things live.

/// Lifetimes in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Authorization code.
    pub code: i64,
    /// Access token.
    pub access_token: i64,
    /// ID token.
    pub id_token: i64,
    /// A refresh family that is not used.
    pub refresh_idle: i64,
    /// A refresh family at the latest.
    pub refresh_absolute: i64,
    /// Within this time after a rotation the parent yields the same successor again; 0 switches it off.
    pub refresh_retry: i64,
    /// A pushed authorization request (RFC 9126), until a browser brings it.
    pub pushed_request: i64,
    /// A browser session.
    pub session: i64,
    /// A browser session that is not used. Use is noted to the hour, so that a session may be over up to an hour earlier.
    pub session_idle: i64,
    /// An authorization request that waits for its person.
    pub interaction: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code: 60,
            access_token: 600,
            id_token: 600,
            refresh_idle: 14 * 86_400,
            refresh_absolute: 90 * 86_400,
            refresh_retry: 60,
            pushed_request: 60,
            session: 14 * 86_400,
            session_idle: 14 * 86_400,
            interaction: 3600,
        }
    }
}
