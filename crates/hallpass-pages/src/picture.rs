//! Pictures that come from people who need not be trusted with this server: operators of one project.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Picture, PictureKind};

/// Why something is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows it says something about each"
)]
pub enum PictureError {
    /// It is not of a kind that is known, or not what it says.
    #[error("is no SVG, PNG or WebP")]
    Kind,
    /// It is larger than allowed.
    #[error("is larger than 32 KiB")]
    Size,
    /// It is an SVG with something else in it than a drawing.
    #[error("is an SVG with scripts, documents or references in it")]
    Active,
}

/// Bytes of a picture that is kept in the settings of a project.
const MOST: usize = 32 * 1024;

/// What no drawing needs: scripts, other documents inside of it, entities that could spell either, references to elsewhere.
const ACTIVE: &[&str] = &[
    "<script",
    "<foreignobject",
    "<iframe",
    "<embed",
    "<object",
    "<audio",
    "<video",
    "<handler",
    "<listener",
    "<!doctype",
    "<!entity",
    "<?",
    "&#",
    "javascript:",
    "data:text",
    "@import",
];

impl Picture {
    /// From the bytes of a file of 32 KiB at most. What it is follows from the bytes alone.
    ///
    /// # Errors
    /// It is none of the pictures that pages show.
    pub fn read(bytes: &[u8]) -> Result<Self, PictureError> {
        if bytes.len() > MOST {
            return Err(PictureError::Size);
        }
        let kind = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            PictureKind::Png
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            PictureKind::Webp
        } else {
            drawing(bytes)?;
            PictureKind::Svg
        };
        Ok(Self {
            kind,
            bytes: bytes.to_vec().into(),
        })
    }

    /// From a `data:` URI in base64, as settings hold it.
    ///
    /// # Errors
    /// It is none, of another kind than it says, or not of the pictures that pages show.
    pub fn of_data_uri(text: &str) -> Result<Self, PictureError> {
        let rest = text.strip_prefix("data:").ok_or(PictureError::Kind)?;
        let (media_type, encoded) = rest.split_once(";base64,").ok_or(PictureError::Kind)?;
        // A third more than what it stands for.
        if encoded.len() > MOST.saturating_mul(3) / 2 {
            return Err(PictureError::Size);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| PictureError::Kind)?;
        let read = Self::read(&bytes)?;
        if read.kind.media_type() == media_type {
            Ok(read)
        } else {
            Err(PictureError::Kind)
        }
    }

    /// As settings hold it.
    #[must_use]
    pub fn data_uri(&self) -> String {
        let media_type = self.kind.media_type();
        format!("data:{media_type};base64,{}", STANDARD.encode(&self.bytes))
    }

    /// What it is, for those who load it.
    #[must_use]
    pub const fn media_type(&self) -> &'static str {
        self.kind.media_type()
    }
}

/// Whether it is a drawing and nothing more.
fn drawing(bytes: &[u8]) -> Result<(), PictureError> {
    let text = std::str::from_utf8(bytes).map_err(|_| PictureError::Kind)?;
    let text = text
        .trim_start_matches('\u{feff}')
        .trim()
        .to_ascii_lowercase();
    // What many programs write before the drawing is not needed, and says nothing about what comes.
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest).trim(),
        None => text.as_str(),
    };
    if !text.contains("<svg") || !text.starts_with('<') || !text.ends_with("</svg>") {
        return Err(PictureError::Kind);
    }
    let active = ACTIVE.iter().any(|word| text.contains(word));
    if active || handles_events(text) || refers_elsewhere(text) {
        return Err(PictureError::Active);
    }
    Ok(())
}

/// Whether some attribute begins with `on`.
fn handles_events(text: &str) -> bool {
    text.split('=').any(|before| {
        let name = before.trim_end();
        let begin =
            name.rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_')));
        let name = begin.map_or(name, |at| name.get(at..).unwrap_or_default());
        name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric())
            .starts_with("on")
    })
}

/// Whether something in it leads out of it: `href` and `url()` may name a part of the drawing, and pictures inside of it.
fn refers_elsewhere(text: &str) -> bool {
    let inside = |value: &str| {
        let value =
            value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        value.starts_with('#')
            || value.starts_with("data:image/png")
            || value.starts_with("data:image/jpeg")
    };
    let after = |mark: &'static str| text.split(mark).skip(1);
    let hrefs = after("href").filter_map(|rest| rest.trim_start().strip_prefix('='));
    !hrefs.chain(after("url(")).all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r##"<?xml version="1.0"?>
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><defs><linearGradient id="g"/></defs>
        <g fill="url(#g)" font-weight="bold"><use href="#g"/><path d="M0 0h8" class="button one"/></g></svg>"##;

    fn svg(inner: &str) -> Result<Picture, PictureError> {
        Picture::read(format!("<svg xmlns='http://www.w3.org/2000/svg'>{inner}</svg>").as_bytes())
    }

    #[test]
    fn a_picture_is_what_its_bytes_are_and_goes_through_settings_as_it_was() {
        let png = b"\x89PNG\r\n\x1a\nrest".as_slice();
        let webp = b"RIFF\x04\x00\x00\x00WEBPVP8 ".as_slice();
        for (bytes, media_type) in [
            (png, "image/png"),
            (webp, "image/webp"),
            (PLAIN.as_bytes(), "image/svg+xml"),
        ] {
            let picture = Picture::read(bytes).unwrap();
            assert_eq!(picture.media_type(), media_type);
            let text = picture.data_uri();
            assert_eq!(Picture::of_data_uri(&text), Ok(picture));
            let other = text.replacen(media_type, "image/gif", 1);
            assert_eq!(Picture::of_data_uri(&other), Err(PictureError::Kind));
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bytes in [
            b"".as_slice(),
            b"GIF89a",
            b"<html></html>",
            b"\xff\xd8\xff",
            b"<svg",
            b"plain text <svg></svg>",
        ] {
            assert_eq!(Picture::read(bytes), Err(PictureError::Kind));
        }
        for text in [
            "",
            "https://cdn.example/logo.png",
            "data:image/png,x",
            "data:image/png;base64,%%%",
            "data:image/svg+xml;base64,iVBORw0KGgo=",
        ] {
            assert_eq!(
                Picture::of_data_uri(text),
                Err(PictureError::Kind),
                "{text}"
            );
        }
        let large = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; MOST]].concat();
        assert_eq!(Picture::read(&large), Err(PictureError::Size));
        let large = format!("data:image/png;base64,{}", "A".repeat(60_000));
        assert_eq!(Picture::of_data_uri(&large), Err(PictureError::Size));
    }

    // AD-12, AD-13
    #[test]
    fn a_drawing_in_which_anything_could_run_is_refused() {
        for inner in [
            "<script>alert(1)</script>",
            "<SCRIPT href='#x'/>",
            "<g onload=alert(1)/>",
            "<g ONLOAD = 'alert(1)'/>",
            "<g\nonclick='x'/>",
            "<g/onfocus='x'/>",
            "<g a='1'onend='x'/>",
            "<a href='javascript:alert(1)'><path/></a>",
            "<a xlink:href='java&#115;cript:alert(1)'/>",
            "<foreignObject><p/></foreignObject>",
            "<image href='https://evil.example/pixel.png'/>",
            "<image xlink:href = \"//evil.example/pixel.png\"/>",
            "<use href='other.svg#x'/>",
            "<style>@import 'https://evil.example/x.css';</style>",
            "<g style='fill:url(https://evil.example/x)'/>",
            "<image href='data:text/html;base64,AA'/>",
            "<image href='data:image/svg+xml;base64,AA'/>",
            "<?xml-stylesheet href='x'?>",
            "<iframe src='x'/>",
        ] {
            assert_eq!(svg(inner), Err(PictureError::Active), "{inner}");
        }
        let entity = "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg>&x;</svg>";
        assert_eq!(Picture::read(entity.as_bytes()), Err(PictureError::Active));
        assert!(svg("<path d='M0 0' data-on='1' class='only one = on'/>").is_err());
        assert!(svg("<path d='M0 0' font-size='1' stroke-linecap='round'/>").is_ok());
    }
}
