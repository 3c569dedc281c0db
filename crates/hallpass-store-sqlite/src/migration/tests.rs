//! Tests of migrating.
