//! The form of a line of the log: text for people, or one JSON object.
//!
//! Whatever is logged stays on its line: control characters are escaped in both forms.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::request_id::REQUEST_ID;
use crate::config::LogFormat;

/// Writes events as lines.
#[derive(Clone, Copy, Debug)]
pub struct LogLine {
    /// The form.
    pub format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        match self.format {
            LogFormat::Json => json(writer, &time, event),
            LogFormat::Text => text(writer, &time, event),
        }
    }
}

fn json(mut writer: Writer<'_>, time: &str, event: &Event<'_>) -> fmt::Result {
    let metadata = event.metadata();
    let mut line = String::with_capacity(256);
    let mut fields = JsonFields { line: &mut line };
    fields.line.push('{');
    fields.text("timestamp", time);
    fields.text("level", metadata.level().as_str());
    fields.text("target", metadata.target());
    if let Ok(id) = REQUEST_ID.try_with(|id| *id) {
        fields.text("request.id", id.as_str());
    }
    event.record(&mut fields);
    line.push_str("}\n");
    writer.write_str(&line)
}

fn text(mut writer: Writer<'_>, time: &str, event: &Event<'_>) -> fmt::Result {
    let metadata = event.metadata();
    let mut fields = TextFields {
        message: String::new(),
        fields: String::new(),
    };
    event.record(&mut fields);
    if let Ok(id) = REQUEST_ID.try_with(|id| *id) {
        fields.add("request.id", id.as_str());
    }
    let level = metadata.level();
    let TextFields { message, fields } = fields;
    writeln!(
        writer,
        "{time} {level:>5} {}: {message}{fields}",
        metadata.target()
    )
}

struct JsonFields<'a> {
    line: &'a mut String,
}

impl JsonFields<'_> {
    fn name(&mut self, name: &str) {
        if !self.line.ends_with('{') {
            self.line.push(',');
        }
        quote(self.line, name);
        self.line.push(':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        quote(self.line, value);
    }

    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        let _infallible = write!(self.line, "{value}");
    }
}

impl Visit for JsonFields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field.name(), value);
        } else {
            self.text(field.name(), &value.to_string());
        }
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

struct TextFields {
    message: String,
    fields: String,
}

impl TextFields {
    fn add(&mut self, name: &str, value: &str) {
        let mut escaped = String::with_capacity(value.len());
        if name == "message" {
            escape(&mut escaped, value);
            self.message = escaped;
            return;
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'=';
        if !value.is_empty() && value.bytes().all(plain) {
            escaped.push_str(value);
        } else {
            quote(&mut escaped, value);
        }
        let _infallible = write!(self.fields, " {name}={escaped}");
    }
}

impl Visit for TextFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), &format!("{value:?}"));
    }
}

/// A JSON string.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            _ => escape_character(line, character),
        }
    }
    line.push('"');
}

fn escape(line: &mut String, text: &str) {
    for character in text.chars() {
        escape_character(line, character);
    }
}

/// Control characters, and those that some programs take for the end of a line or that turn text around.
fn escape_character(line: &mut String, character: char) {
    let odd = character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character);
    if odd {
        let _infallible = write!(line, "\\u{:04x}", u32::from(character));
    } else {
        line.push(character);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::telemetry::request_id::RequestIds;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(LogLine { format })
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const NASTY: &str = "a\r\n{\"level\":\"ERROR\"}\u{1b}[31m\u{2028}\0\"\\\u{202e}é";

    #[test]
    fn a_json_line_is_one_object_whatever_is_logged() {
        let line = logged(LogFormat::Json, || {
            tracing::warn!(
                client.id = NASTY,
                status = 400,
                ratio = f64::NAN,
                "odd {NASTY}"
            );
        });
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["client.id"], NASTY);
        assert_eq!(value["message"], format!("odd {NASTY}"));
        assert_eq!(value["status"], 400);
        assert_eq!(value["level"], "WARN");
        assert!(
            !line
                .trim_end()
                .contains(|character: char| character.is_control())
        );
    }

    #[test]
    fn a_text_line_is_one_line_whatever_is_logged() {
        let line = logged(LogFormat::Text, || {
            tracing::info!(client.id = NASTY, grant.type = "refresh_token", "odd {NASTY}");
        });
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(
            !line
                .trim_end()
                .contains(|character: char| character.is_control())
        );
        assert!(line.contains(" INFO hallpass_server"), "{line}");
        assert!(line.contains(" grant.type=refresh_token"), "{line}");
    }

    #[tokio::test]
    async fn a_line_carries_the_id_of_the_request_it_was_logged_for() {
        let id = RequestIds::default().next();
        let inside = async { logged(LogFormat::Json, || tracing::info!("x")) };
        let line = REQUEST_ID.scope(id, inside).await;
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["request.id"], id.as_str());
        let line = logged(LogFormat::Json, || tracing::info!("x"));
        assert!(!line.contains("request.id"));
    }
}
