//! The HTTP layer: bytes to requests and back, as a tower service.
