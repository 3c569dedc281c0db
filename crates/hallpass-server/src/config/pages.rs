//! `[pages]`: how the pages look and what they say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hallpass_pages::{Colour, Lang, Picture, PictureKind, Settings, Texts, Theme};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// How the pages look and what they say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// The name of the service, beside the mark and in titles.
    pub name: String,
    /// A picture that stands in place of mark and name: SVG, PNG or WebP of at most 1 MiB.
    pub logo_file: Option<PathBuf>,
    /// The same as `data:` URI in base64, of at most 32 KiB and without anything active in it. It goes before `logo_file`, and
    /// projects may have it for themselves.
    pub logo: Option<String>,
    /// A picture for the tab of the browser.
    pub icon_file: Option<PathBuf>,
    /// BCP 47 tags of the languages that the pages speak. The first is for people of whom none is known.
    pub languages: Vec<String>,
    /// Radius of fields and buttons in pixels, at most 32; cards have twice of it.
    pub radius: Option<u8>,
    /// Names of fonts with commas between, as they are installed on the computers of the people.
    pub font: Option<String>,
    /// Colours by name, each as "#rrggbb". From `accent` alone the others that follow from it are made, also for dark pages.
    pub colors: BTreeMap<String, String>,
    /// Colours of dark pages, where they are to be others.
    pub dark_colors: BTreeMap<String, String>,
    /// What the pages say differently, by language.
    pub texts: BTreeMap<String, BTreeMap<String, Text>>,
    /// A folder with templates that take the place of the built-in ones, and with `assets` for them.
    pub templates_dir: Option<PathBuf>,
    /// Reads the templates again for every page, and shows on it what is wrong with them. For development.
    pub reload_templates: bool,
}

/// A text, or a table of texts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Text {
    /// A text.
    Text(String),
    /// Texts by name.
    Table(BTreeMap<String, Self>),
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            name: "Hallpass".to_owned(),
            logo_file: None,
            logo: None,
            icon_file: None,
            languages: Lang::ALL.iter().map(|l| l.tag().to_owned()).collect(),
            radius: None,
            font: None,
            colors: BTreeMap::new(),
            dark_colors: BTreeMap::new(),
            texts: BTreeMap::new(),
            templates_dir: None,
            reload_templates: false,
        }
    }
}

/// A setting and what is wrong with it.
type Wrong = (String, String);

impl Pages {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        if self.name.trim().is_empty() || self.name.chars().count() > 64 {
            check.problem("pages.name", "must have 1 to 64 characters");
        } else if self.name.chars().any(char::is_control) {
            // It stands in mails, too, whose headers end with a line.
            check.problem(
                "pages.name",
                "must have no line breaks and control characters",
            );
        }
        if self.languages.is_empty() {
            check.problem("pages.languages", "is empty");
        }
        for (index, tag) in self.languages.iter().enumerate() {
            if let Err(message) = language(tag) {
                check.problem(&format!("pages.languages[{index}]"), message);
            }
        }
        match self.settings() {
            Ok(settings) => {
                // Templates are looked at when the pages are made.
                let settings = Settings {
                    templates_dir: None,
                    ..settings
                };
                if let Err(error) = hallpass_pages::Pages::with(settings) {
                    check.problem("pages", error);
                }
            }
            Err(wrong) => {
                for (setting, message) in wrong {
                    check.problem(&setting, message);
                }
            }
        }
    }

    /// The languages that are offered.
    pub(crate) fn languages(&self) -> Vec<Lang> {
        let tags = self.languages.iter();
        tags.filter_map(|tag| language(tag).ok()).collect()
    }

    /// The pages.
    ///
    /// # Errors
    /// All that is wrong with them, a line each.
    pub(crate) fn build(&self) -> Result<hallpass_pages::Pages, String> {
        let settings = self.settings().map_err(|wrong| {
            let lines: Vec<String> = wrong.iter().map(|(s, m)| format!("{s}: {m}")).collect();
            lines.join("\n")
        })?;
        hallpass_pages::Pages::with(settings).map_err(|error| format!("pages: {error}"))
    }

    fn settings(&self) -> Result<Settings, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let logo = match self.logo.as_deref().map(Picture::of_data_uri) {
            None => picture("pages.logo_file", self.logo_file.as_deref(), &mut wrong),
            Some(Ok(logo)) => Some(logo),
            Some(Err(error)) => {
                wrong.push(("pages.logo".to_owned(), error.to_string()));
                None
            }
        };
        let theme = Theme {
            logo,
            icon: picture("pages.icon_file", self.icon_file.as_deref(), &mut wrong),
            light: colours("pages.colors", &self.colors, &mut wrong),
            dark: colours("pages.dark_colors", &self.dark_colors, &mut wrong),
            radius: self.radius,
            font: self.font.clone(),
        };
        let mut texts = Vec::new();
        for (tag, table) in &self.texts {
            let setting = format!("pages.texts.{tag}");
            match (language(tag), Texts::from_table(tree(table))) {
                (Ok(lang), Ok(own)) => texts.push((lang, own)),
                (Err(message), _) => wrong.push((setting, message)),
                (Ok(_), Err(errors)) => {
                    let found = errors.iter().map(|e| (setting.clone(), e.to_string()));
                    wrong.extend(found);
                }
            }
        }
        if wrong.is_empty() {
            Ok(Settings {
                theme,
                texts,
                templates_dir: self.templates_dir.clone(),
                reload: self.reload_templates,
            })
        } else {
            Err(wrong)
        }
    }
}

fn language(tag: &str) -> Result<Lang, String> {
    let known = Lang::ALL.into_iter().find(|lang| lang.tag() == tag);
    known.ok_or_else(|| {
        let all: Vec<&str> = Lang::ALL.iter().map(|lang| lang.tag()).collect();
        format!("there is no {tag:?}, only {}", all.join(", "))
    })
}

fn tree(table: &BTreeMap<String, Text>) -> toml::Table {
    let node = |text: &Text| match text {
        Text::Text(text) => toml::Value::String(text.clone()),
        Text::Table(table) => toml::Value::Table(tree(table)),
    };
    let rows = table.iter().map(|(name, text)| (name.clone(), node(text)));
    rows.collect()
}

fn colours(
    setting: &str,
    colours: &BTreeMap<String, String>,
    wrong: &mut Vec<Wrong>,
) -> BTreeMap<String, Colour> {
    let mut parsed = BTreeMap::new();
    for (name, text) in colours {
        match Colour::parse(text) {
            Some(colour) => {
                parsed.insert(name.clone(), colour);
            }
            None => wrong.push((
                format!("{setting}.{name}"),
                "is no colour, such as \"#0b6b58\"".to_owned(),
            )),
        }
    }
    parsed
}

const MAX_PICTURE: usize = 1 << 20;

fn picture(setting: &str, path: Option<&Path>, wrong: &mut Vec<Wrong>) -> Option<Picture> {
    let path = path?;
    let mut is_wrong = |message: String| {
        wrong.push((setting.to_owned(), message));
        None
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    let Some(kind) = ending.and_then(PictureKind::of) else {
        return is_wrong("is no .svg, .png or .webp".to_owned());
    };
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() > MAX_PICTURE => is_wrong("is larger than 1 MiB".to_owned()),
        Ok(bytes) => Some(Picture {
            kind,
            bytes: bytes.into(),
        }),
        Err(error) => is_wrong(format!("cannot read {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    fn problems(text: &str) -> Vec<String> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty()).unwrap();
        let Err(problems) = Config::parse(source) else {
            return Vec::new();
        };
        problems
            .0
            .iter()
            .map(|p| format!("{}: {}", p.setting, p.message))
            .collect()
    }

    #[test]
    fn what_an_operator_may_say_about_the_pages_is_taken() {
        let text = "[pages]\nname = 'Acme'\nlanguages = ['de', 'ar']\nradius = 4\nfont = 'Fira Sans'\n\
                    [pages.colors]\naccent = '#0b5fff'\n[pages.texts.de]\nsign_in.title = 'Willkommen'\n\
                    own.help = 'Hilfe'\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn every_mistake_is_found_and_named() {
        for (text, expected) in [
            ("name = ' '", "pages.name: must have"),
            ("languages = []", "pages.languages: is empty"),
            (
                "languages = ['en', 'xx']",
                "pages.languages[1]: there is no \"xx\"",
            ),
            ("colors.accent = 'red'", "pages.colors.accent: is no colour"),
            (
                "colors.accent = '#ffff00'",
                "pages: \"accent\" on \"surface\"",
            ),
            (
                "dark_colors.ink = '#000000'",
                "pages: \"ink\" on \"ground\"",
            ),
            (
                "colors.akzent = '#000000'",
                "pages: there is no colour \"akzent\"",
            ),
            ("radius = 99", "pages: the radius"),
            ("font = 'x;}'", "pages: the fonts"),
            (
                "texts.xx.sign_in.title = 'x'",
                "pages.texts.xx: there is no",
            ),
            (
                "texts.de.sign_in.titel = 'x'",
                "pages.texts.de: sign_in.titel: there is no text",
            ),
            (
                "texts.de.sign_in.retry = 'x'",
                "pages.texts.de: sign_in.retry: the text must have",
            ),
            (
                "logo = 'https://cdn.example/logo.png'",
                "pages.logo: is no SVG",
            ),
            (
                "logo = 'data:image/svg+xml;base64,PHN2Zz48c2NyaXB0Lz48L3N2Zz4='",
                "pages.logo: is an SVG with scripts",
            ),
            ("logo_file = 'logo.exe'", "pages.logo_file: is no .svg"),
            (
                "logo_file = '/nonexistent/logo.svg'",
                "pages.logo_file: cannot read",
            ),
        ] {
            let found = problems(&format!("[pages]\n{text}\n"));
            assert!(
                found.len() == 1 && found[0].starts_with(expected),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn templates_are_looked_at_when_the_pages_are_made() {
        let pages = super::Pages {
            templates_dir: Some("/nonexistent".into()),
            ..super::Pages::default()
        };
        let refused = pages.build().unwrap_err();
        assert!(refused.starts_with("pages: /nonexistent: "), "{refused}");
    }
}
