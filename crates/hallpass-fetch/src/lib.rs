//! The guard for outgoing requests: addresses checked at connection, no redirects, bounded size and time.
