//! Fixtures for tests: a provider in process, a client, a fixed clock.
