//! JSON Object Signing and Encryption: JWK, JWS, JWE, key sets and thumbprints.
