//! Storage ports in protocol verbs, the in-memory store and the contract suite for adapters.
