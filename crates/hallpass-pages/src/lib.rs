//! The built-in pages: sign in, consent, sign out, errors.
