//! The words of the protocol: identifiers, secrets, scopes, parameters, error codes, time.
