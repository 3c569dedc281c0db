//! Nothing but tests: programs that nobody here wrote use the real binary as they would use any other server.
//!
//! `tests/it/` holds them. Each starts `hallpass serve --demo --json` on free ports with a folder of its own.
