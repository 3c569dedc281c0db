//! Why a request was refused: reason, wire code, stable identifier and text, declared together, once.

/// Declares an enum of reasons. Each variant names its [`hallpass_types::ErrorCode`], a stable identifier for
/// logs and documentation, and the text of `error_description`. Texts never carry request data.
#[macro_export]
macro_rules! reasons {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident => $code:ident, $id:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every reason, for generated documentation and for tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The error code on the wire.
            #[must_use]
            pub const fn code(self) -> hallpass_types::ErrorCode {
                match self { $(Self::$variant => hallpass_types::ErrorCode::$code,)+ }
            }

            /// A stable identifier for logs, metrics and documentation.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The text of `error_description`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
        impl std::error::Error for $name {}
    };
}
