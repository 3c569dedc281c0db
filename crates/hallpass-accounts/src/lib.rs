//! Built-in users, passwords and their hashing pool.
