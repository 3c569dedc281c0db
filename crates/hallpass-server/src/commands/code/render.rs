//! A plan for people, and for programs.

use std::io::{IsTerminal as _, stdout};

use hallpass_admin::code::{Action, Member, Plan, Step};
use serde_json::{Value, json};

/// Colours, where somebody looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours(bool);

impl Colours {
    /// On a terminal, but for whoever wants none.
    pub(super) fn of_stdout() -> Self {
        let none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(stdout().is_terminal() && !none)
    }

    fn of(self, action: Action, text: &str) -> String {
        let code = match action {
            Action::Create => 32,
            Action::Change => 33,
            Action::Delete => 31,
        };
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Change => "change",
        Action::Delete => "delete",
    }
}

const fn sign(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Change => '~',
        Action::Delete => '-',
    }
}

/// A step as a program reads it.
pub(super) fn json_step(step: &Step) -> Value {
    let members: Vec<Value> = step
        .members
        .iter()
        .map(|m| json!({ "name": m.name, "before": m.before, "after": m.after }))
        .collect();
    json!({
        "action": word(step.action), "kind": step.kind, "project": step.project,
        "id": step.id, "place": step.place, "members": members,
    })
}

/// A plan as a program reads it.
pub(super) fn json(plan: &Plan, passed_over: &[String]) -> Value {
    let steps: Vec<Value> = plan.steps.iter().map(json_step).collect();
    let untold: Vec<Value> = plan
        .untold
        .iter()
        .map(|u| json!({ "kind": u.kind, "project": u.project, "id": u.id }))
        .collect();
    json!({ "changes": steps, "not_in_folder": untold, "passed_over": passed_over })
}

/// A step in one line.
pub(super) fn line(step: &Step, colours: Colours) -> String {
    let place = step.place.as_ref();
    let place = place.map_or_else(String::new, |place| format!("  ({place})"));
    let text = format!("{} {} {}", sign(step.action), step.kind, plain(&step.id));
    format!("{}{place}", colours.of(step.action, &text))
}

/// A plan as people read it.
pub(super) fn text(plan: &Plan, passed_over: &[String], colours: Colours) -> String {
    let mut out = String::new();
    let mut project = None;
    for step in &plan.steps {
        if project != Some(&step.project) {
            project = Some(&step.project);
            put(&mut out, format!("project {}", plain(&step.project)));
        }
        put(&mut out, format!("  {}", line(step, colours)));
        for member in &step.members {
            show(&mut out, member, colours);
        }
    }
    for untold in &plan.untold {
        put(
            &mut out,
            format!(
                "not in the folder, and stays: {} {} of project {}",
                untold.kind,
                plain(&untold.id),
                plain(&untold.project)
            ),
        );
    }
    for name in passed_over {
        put(
            &mut out,
            format!("no file of a project, passed over: {}", plain(name)),
        );
    }
    let count = |action| plan.steps.iter().filter(|s| s.action == action).count();
    if plan.steps.is_empty() {
        out.push_str("nothing would change");
    } else {
        out.push_str(&format!(
            "{} to make, {} to change, {} to delete",
            count(Action::Create),
            count(Action::Change),
            count(Action::Delete)
        ));
    }
    out
}

fn put(out: &mut String, line: String) {
    out.push_str(&line);
    out.push('\n');
}

fn show(out: &mut String, member: &Member, colours: Colours) {
    let name = plain(&member.name);
    match (&member.before, &member.after) {
        (Some(Value::Array(before)), Some(Value::Array(after)))
            if before.len() > 1 || after.len() > 1 =>
        {
            put(out, format!("      {name}:"));
            let (gone, come): (Vec<_>, Vec<_>) = (
                before.iter().filter(|item| !after.contains(item)).collect(),
                after.iter().filter(|item| !before.contains(item)).collect(),
            );
            if gone.is_empty() && come.is_empty() {
                put(out, "        in another order".to_owned());
            }
            for item in gone {
                let text = colours.of(Action::Delete, &format!("- {}", value(item)));
                put(out, format!("        {text}"));
            }
            for item in come {
                let text = colours.of(Action::Create, &format!("+ {}", value(item)));
                put(out, format!("        {text}"));
            }
        }
        (Some(before), Some(after)) => {
            put(
                out,
                format!("      {name}: {} → {}", value(before), value(after)),
            );
        }
        (None, Some(after)) => put(out, format!("      {name}: {}", value(after))),
        (Some(before), None) => {
            put(out, format!("      {name}: {} → (none)", value(before)));
        }
        (None, None) => {}
    }
}

fn value(value: &Value) -> String {
    plain(&value.to_string())
}

/// What was written elsewhere does not move the cursor of a terminal, or turn its text around.
pub(super) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() || turns(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_elsewhere_does_not_reach_the_terminal_as_it_is() {
        assert_eq!(
            plain("a\u{1b}[2Jb\u{202e}c\u{9b}ü"),
            "a\\u{1b}[2Jb\\u{202e}c\\u{9b}ü"
        );
    }
}
