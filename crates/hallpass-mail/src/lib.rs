//! The way out for mail: SMTP, or a folder of files for trying out.
//!
//! The recipient is one typed address and every header is made by the library, so nothing in a letter can add a header
//! or a recipient.

mod folder;
mod message;
mod smtp;

pub use folder::Folder;
pub use message::{Sender, UnusableSender};
pub use smtp::{Settings, Smtp, SmtpError, Tls};
