//! Everything that is derived from code: written, or checked for being up to date.

use std::process::{Command, ExitCode};

use crate::{attacks, book, deps, pages, report, spec, workspace};

pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    report(all(arguments.any(|a| a == "--check")))
}

/// Every generator; answers what is out of date.
pub(crate) fn all(check: bool) -> Result<Vec<String>, String> {
    let mut stale = Vec::new();
    stale.extend(spec::generate(check)?);
    stale.extend(attacks::generate(check)?);
    stale.extend(pages::generate(check)?);
    stale.extend(workspace::write(
        "docs/reference/errors.md",
        &errors(),
        check,
    )?);
    stale.extend(architecture(check)?);
    stale.extend(book::generate(check)?);
    stale.extend(workspace::write(
        "docs/reference/configuration.schema.json",
        &hallpass(&["config", "schema"])?,
        check,
    )?);
    stale.extend(workspace::write(
        "docs/reference/openapi.json",
        &hallpass(&["config", "openapi"])?,
        check,
    )?);
    stale.extend(workspace::write(
        "docs/reference/command-line.md",
        &hallpass(&["config", "command-line"])?,
        check,
    )?);
    Ok(stale)
}

/// Runs our own binary from a debug build.
fn hallpass(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "hallpass-server", "--"])
        .args(arguments)
        .current_dir(workspace::root())
        .output()
        .map_err(|e| format!("cargo run: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "hallpass {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The table of crates inside ARCHITECTURE.md, between its two markers.
fn architecture(check: bool) -> Result<Option<String>, String> {
    const BEGIN: &str = "<!-- crates: written by cargo xtask generate -->\n";
    const END: &str = "<!-- end of crates -->";
    let text = workspace::read("ARCHITECTURE.md")?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("ARCHITECTURE.md has no marker for the table of crates")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("ARCHITECTURE.md has no end marker for the table of crates")?;
    let mut table = String::from("\n| crate | holds | uses |\n|---|---|---|\n");
    for (name, description, uses) in deps::crates()? {
        let uses = uses
            .iter()
            .map(|u| format!("`{}`", u.trim_start_matches("hallpass-")))
            .collect::<Vec<_>>()
            .join(" ");
        table.push_str(&format!("| `{name}` | {description} | {uses} |\n"));
    }
    table.push('\n');
    workspace::write(
        "ARCHITECTURE.md",
        &format!("{before}{BEGIN}{table}{END}{after}"),
        check,
    )
}

macro_rules! reason_rows {
    ($out:ident; $($title:literal => $reasons:ty),+ $(,)?) => {$(
        $out.push_str(&format!("\n## {}\n\n| id | code | description |\n|---|---|---|\n", $title));
        for reason in <$reasons>::ALL {
            $out.push_str(&format!("| `{}` | `{}` | {} |\n", reason.id(), reason.code().as_str(), reason.text()));
        }
    )+};
}

/// Every reason for which a request is refused.
fn errors() -> String {
    let mut out = String::from(
        "# Errors\n\nWritten by `cargo xtask generate`. The code stands in the response or the redirect, the id in logs and on \
         error pages.\n",
    );
    reason_rows! { out;
        "Authorization requests that get a page" => hallpass_core::authorize::Unidentified,
        "Authorization requests that are redirected back" => hallpass_core::authorize::Reason,
        "Logins that a third party starts" => hallpass_core::authorize::initiate::Reason,
        "Pages" => hallpass_provider::browser::Reason,
        "Client authentication" => hallpass_core::client_auth::Reason,
        "Token requests" => hallpass_core::token::Reason,
        "UserInfo" => hallpass_core::userinfo::Reason,
        "Signing in at another provider" => hallpass_core::upstream::Reason,
        "Introspection" => hallpass_core::introspect::Reason,
        "Revocation" => hallpass_core::revoke::Reason,
        "Registration" => hallpass_provider::endpoints::register::Reason,
        "Client metadata" => hallpass_core::client::MetadataReason,
        "Logout" => hallpass_core::logout::rp_initiated::Reason,
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn identifiers_of_reasons_are_unique() {
        let page = super::errors();
        let mut ids: Vec<&str> = page
            .lines()
            .filter_map(|l| l.strip_prefix("| `")?.split('`').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(all > 50);
    }
}
