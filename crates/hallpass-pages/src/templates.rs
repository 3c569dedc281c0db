//! The templates: the built-in ones, and an operator's from a folder in their place.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, syntax::SyntaxConfig};

use crate::{message, text};

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It does not parse, or does not render with what it is given.
    #[error("{file}, line {line}: {reason}")]
    Broken {
        /// Where it is.
        file: String,
        /// The line, from 1; 0 where it is not known.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder or a file in it cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The folder or the file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The folder holds more than templates of pages can be.
    #[error("{0}: more than 128 templates, or one of more than 256 KiB")]
    TooMuch(String),
}

const MAX_FILES: usize = 128;
const MAX_FILE: usize = 256 * 1024;

/// Templates of an operator's, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    folder: PathBuf,
    files: Vec<(String, String)>,
}

impl Sources {
    /// Reads every file of a folder whose name ends in `.html`, and `mail.txt`; not those of folders in it.
    pub(crate) fn read(folder: &Path) -> Result<Self, TemplateError> {
        let unreadable = |path: &Path| {
            let path = path.display().to_string();
            move |error| TemplateError::Unreadable { path, error }
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if !(name.ends_with(ENDING) || name == MAIL_TEXT) || path.is_dir() {
                continue;
            }
            let source = fs::read_to_string(&path).map_err(unreadable(&path))?;
            files.push((name.to_owned(), source));
            let is_long = files
                .last()
                .is_some_and(|(_, source)| source.len() > MAX_FILE);
            if is_long || files.len() > MAX_FILES {
                return Err(TemplateError::TooMuch(path.display().to_string()));
            }
        }
        files.sort();
        Ok(Self {
            folder: folder.to_owned(),
            files,
        })
    }

    /// The error with the file it is about.
    fn located(&self, error: &Error) -> TemplateError {
        // Of an error in a template that another one includes, the innermost says where.
        let mut innermost = error;
        let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<Error>() {
                innermost = error;
            }
            next = error.source();
        }
        let name = innermost.name().or_else(|| error.name()).unwrap_or("?");
        let own = self.files.iter().any(|(file, _)| file == name);
        let reason = match innermost.detail() {
            Some(detail) => format!("{}: {detail}", innermost.kind()),
            None => innermost.kind().to_string(),
        };
        TemplateError::Broken {
            file: if own {
                self.folder.join(name).display().to_string()
            } else {
                name.to_owned()
            },
            line: innermost
                .line()
                .or_else(|| error.line())
                .unwrap_or_default(),
            reason,
        }
    }
}

const ENDING: &str = ".html";
const MAIL_TEXT: &str = "mail.txt";

/// Templates. The built-in ones alone are parsed for the first page: a server that nobody looks at has no need of them.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: OnceLock<Environment<'static>>,
    sources: Sources,
}

impl Templates {
    /// The built-in templates with those of an operator in their place, or beside them to be included.
    pub(crate) fn new(sources: Sources) -> Result<Self, TemplateError> {
        let templates = Self {
            environment: OnceLock::new(),
            sources,
        };
        if !templates.sources.files.is_empty() {
            templates.environment()?;
        }
        Ok(templates)
    }

    fn environment(&self) -> Result<&Environment<'static>, TemplateError> {
        if let Some(parsed) = self.environment.get() {
            return Ok(parsed);
        }
        // Whoever comes second throws away what is the same.
        let parsed = parse(&self.sources)?;
        Ok(self.environment.get_or_init(|| parsed))
    }

    /// Renders a template.
    pub(crate) fn render(
        &self,
        name: &str,
        context: minijinja::Value,
    ) -> Result<String, TemplateError> {
        self.environment()?
            .get_template(name)
            .and_then(|template| template.render(context))
            .map_err(|error| self.sources.located(&error))
    }

    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }
}

fn parse(sources: &Sources) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    // A misspelt field is an error, not an empty place in the page.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Every value is escaped, whatever the name of the template. The text of a mail is no HTML.
    environment.set_auto_escape_callback(|name| match name {
        MAIL_TEXT => AutoEscape::None,
        _ => AutoEscape::Html,
    });
    // And no template says otherwise.
    environment.remove_filter("safe");
    environment.add_filter("fill", message::fill);
    environment.add_filter("fill_html", message::fill_html);
    environment.add_filter("initial", text::initial);
    environment.add_filter("named", message::named);
    environment.add_filter("ltr", message::ltr);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.map_err(|error| sources.located(&error))?);
    for (name, source) in BUILT_IN {
        environment
            .add_template(name, source)
            .map_err(|error| sources.located(&error))?;
    }
    for (name, source) in &sources.files {
        if let Some(line) = switches_escaping(source) {
            return Err(TemplateError::Broken {
                file: sources.folder.join(name).display().to_string(),
                line,
                reason: "escaping cannot be switched".to_owned(),
            });
        }
        environment
            .add_template_owned(name.clone(), source.clone())
            .map_err(|error| sources.located(&error))?;
    }
    Ok(environment)
}

/// The first line with an `autoescape` tag.
fn switches_escaping(source: &str) -> Option<usize> {
    let mut before = 0_usize;
    for piece in source.split_inclusive("{%") {
        let at = before;
        before = before.saturating_add(piece.len());
        if at == 0 {
            continue;
        }
        let tag = piece.trim_start_matches(['-', '+']).trim_start();
        if tag.starts_with("autoescape") {
            return Some(source.get(..at)?.matches('\n').count().saturating_add(1));
        }
    }
    None
}

/// Names and sources. The layouts and parts have names as the pages do.
pub(crate) static BUILT_IN: &[(&str, &str)] = &[
    ("layout.html", include_str!("../templates/layout.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("sign_in.html", include_str!("../templates/sign_in.html")),
    (
        "second_step.html",
        include_str!("../templates/second_step.html"),
    ),
    (
        "new_password.html",
        include_str!("../templates/new_password.html"),
    ),
    ("enrol.html", include_str!("../templates/enrol.html")),
    (
        "credentials.html",
        include_str!("../templates/credentials.html"),
    ),
    ("consent.html", include_str!("../templates/consent.html")),
    (
        "select_account.html",
        include_str!("../templates/select_account.html"),
    ),
    ("linked.html", include_str!("../templates/linked.html")),
    (
        "select_organization.html",
        include_str!("../templates/select_organization.html"),
    ),
    (
        "confirm_logout.html",
        include_str!("../templates/confirm_logout.html"),
    ),
    (
        "signed_out.html",
        include_str!("../templates/signed_out.html"),
    ),
    ("error.html", include_str!("../templates/error.html")),
    (
        "form_post.html",
        include_str!("../templates/form_post.html"),
    ),
    (
        "approvals.html",
        include_str!("../templates/approvals.html"),
    ),
    ("device.html", include_str!("../templates/device.html")),
    (
        "device_done.html",
        include_str!("../templates/device_done.html"),
    ),
    ("people.html", include_str!("../templates/people.html")),
    ("ask_mail.html", include_str!("../templates/ask_mail.html")),
    (
        "mail_sent.html",
        include_str!("../templates/mail_sent.html"),
    ),
    (
        "mail_code.html",
        include_str!("../templates/mail_code.html"),
    ),
    (
        "mail_link.html",
        include_str!("../templates/mail_link.html"),
    ),
    (
        "link_done.html",
        include_str!("../templates/link_done.html"),
    ),
    ("account.html", include_str!("../templates/account.html")),
    ("mail.html", include_str!("../templates/mail.html")),
    (MAIL_TEXT, include_str!("../templates/mail.txt")),
    ("home.html", include_str!("../templates/home.html")),
    ("demo.html", include_str!("../templates/demo.html")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_cannot_be_switched() {
        for (source, line) in [
            ("{% autoescape false %}x{% endautoescape %}", Some(1)),
            ("a\n\n{%- autoescape false -%}", Some(3)),
            ("{%+autoescape none%}", Some(1)),
            ("{% if autoescape %}", None),
            ("autoescape", None),
            ("{{ autoescape }}", None),
        ] {
            assert_eq!(switches_escaping(source), line, "{source}");
        }
    }
}
