//! The sample file and the reference page of the settings, made from their declaration.

use server::config::{Form, SECTIONS, Setting, Value, Whole};

/// Columns of the sample file.
const WIDTH: usize = 120;

/// `broadcaster/config.example.toml`.
pub(crate) fn sample() -> String {
    let mut sample = comment(
        "Configuration of fastapi-broadcaster, given with --config FILE. Every key with its default. A key whose default is named \
         in the text above it has an example instead. Flags and environment variables of the same names win over this file. \
         Unknown keys are errors.",
    );
    let mut table = None;
    for setting in SECTIONS.iter().flat_map(|section| section.settings) {
        let mut about = sentences(setting) + &narrow_bounds(&setting.form);
        let example = setting.example.map(|example| Value::Text(example.to_owned()));
        let Some(value) = setting.default().or(example) else { continue };
        let line = in_file(setting, &value);
        if setting.default().is_none() {
            let default = setting.shown_default().unwrap_or_else(|| "none".to_owned());
            about += &format!(" Default: {default}.");
        }
        if table != setting.table {
            table = setting.table;
            sample += &table.map(|table| format!("\n#[{table}]\n")).unwrap_or_default();
        }
        sample += &format!("\n{}#{} = {line}\n", comment(&about), setting.name_in_table());
    }
    sample
}

/// `docs/configuration.md`.
pub(crate) fn page() -> String {
    let mut page = TITLE.to_owned();
    for paragraph in INTRODUCTION {
        page += &format!("\n{}\n", wrapped(paragraph, WIDTH));
    }
    for section in &SECTIONS {
        page += &format!("\n## {}\n", section.title);
        for setting in section.settings {
            page += &entry(setting);
        }
    }
    page
}

const TITLE: &str = "\
# Configuration

<!-- Made by `fastapi-broadcaster generate reference`; a test compares. Edit the declarations in server/src/config. -->
";

const INTRODUCTION: [&str; 3] = [
    "Every setting of `fastapi-broadcaster` is an environment variable, a key of a TOML file, which `--config` or \
     `FASTAPI_WS_CONFIG` names, and a flag (all but [`token_secret`](#token_secret), [`admin_token`](#admin_token), [`app`](#app), \
     [`channel`](#channel) and [`route`](#route)). A flag wins over its variable, that over the file, that over the default. An empty variable is not \
     set. A key such as [`broker.url`](#brokerurl) stands as `url` below a line `[broker]`, after all keys that are in no \
     table. Unknown keys and values out of range are errors: exit code 64, with the line of the file. `fastapi-broadcaster config \
     check` says so without a start. [The sample file](../broadcaster/config.example.toml) has every key.",
    "Two kinds of variables are ignored, with a warning in the log. A `WS_PORT` that is not a number and a `WS_HOST` that is a \
     URL: Kubernetes sets such variables for a service named `ws`. And a `FASTAPI_WS_...` that is no setting: other programs \
     may share the environment. The warning says which setting has a name like it.",
    "At the end of each stands when a new value takes effect: `reload` says that SIGHUP and `systemctl reload` suffice, `restart` that \
     the broadcaster has to be started again. [Changing settings](operations.md#changing-settings) has the details. The settings of \
     PHP are in [PHP API](php-api.md#settings).",
];

fn entry(setting: &Setting) -> String {
    let flag = setting.key.replace('_', "-");
    let short = setting.short.map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let default = setting.shown_default().unwrap_or_else(|| "none".to_owned());
    let bounds = match setting.form {
        // Its text says the smallest value, which depends on other settings.
        Form::Whole(Whole { most, .. }) if setting.more.starts_with("At least") => format!("at most {most}"),
        form => bounds(&form),
    };
    let flag =
        if setting.has_flag() { format!("{short}`--{flag} {}`", setting.value_name()) } else { "no flag".into() };
    format!(
        "\n### `{}`\n\n{}\n\n{flag} · `{}` · default: {default}{}{bounds} · {}\n",
        setting.file_key(),
        wrapped(&sentences(setting).replace('*', "\\*").replacen("\n- ", "\n\n- ", 1), WIDTH),
        setting.variable(),
        if bounds.is_empty() { "" } else { " · " },
        if setting.reloads { "reload" } else { "restart" },
    )
}

/// What the value may be, where that is not plain.
fn bounds(form: &Form) -> String {
    match form {
        Form::Seconds => "above 0, at most 86400".to_owned(),
        Form::Switch => "`true` or `false`".to_owned(),
        Form::Whole(Whole { least, most, .. }) => format!("{least} to {most}"),
        Form::Choice(words) => words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        Form::Path
        | Form::Text
        | Form::Url
        | Form::Origins
        | Form::Hosts
        | Form::Patterns
        | Form::ChannelRules
        | Form::Networks
        | Form::Routes
        | Form::Apps
        | Form::Files
        | Form::HostNames
        | Form::Secrets => String::new(),
    }
}

/// Those that a user can meet, as a sentence.
fn narrow_bounds(form: &Form) -> String {
    match form {
        Form::Choice(words) => {
            let words = words.iter().map(|(word, help)| format!(" {word:?}: {help}."));
            words.collect::<String>()
        }
        Form::Whole(whole @ Whole { least: 1.., .. }) if !whole.is_wide() => format!(" {}.", bounds(form)),
        _ => String::new(),
    }
}

fn sentences(setting: &Setting) -> String {
    let separator = if setting.more.is_empty() { "" } else { " " };
    format!("{}.{separator}{}", setting.help, setting.more)
}

/// A value as it stands in the file.
fn in_file(setting: &Setting, value: &Value) -> String {
    match (setting.form, value) {
        (Form::Path | Form::Text | Form::Url | Form::Choice(_), value) => format!("{:?}", value.to_string()),
        (
            Form::Patterns
            | Form::ChannelRules
            | Form::Networks
            | Form::Routes
            | Form::Apps
            | Form::Files
            | Form::HostNames
            | Form::Secrets,
            value @ Value::Text(_),
        ) => value.to_string(),
        (_, Value::Hosts(rules)) => format!("{:?}", rules.iter().map(ToString::to_string).collect::<Vec<_>>()),
        (_, Value::Origins(rules)) => format!("{:?}", rules.iter().map(ToString::to_string).collect::<Vec<_>>()),
        (_, Value::Seconds(seconds)) => format!("{seconds:?}"),
        (_, value) => value.to_string(),
    }
}

fn comment(text: &str) -> String {
    wrapped(text, WIDTH - 2).lines().map(|line| format!("# {line}\n")).collect()
}

/// The text in lines of at most this width. Lines that belong to a list are indented.
fn wrapped(text: &str, width: usize) -> String {
    text.split('\n').map(|line| wrapped_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrapped_line(text: &str, width: usize) -> String {
    let indent = if text.starts_with("- ") { "  " } else { "" };
    let mut words = text.split(' ');
    let mut line = words.next().unwrap_or_default().to_owned();
    let mut lines = String::new();
    for word in words {
        if line.len() + 1 + word.len() > width {
            lines += &line;
            lines.push('\n');
            line = format!("{indent}{word}");
        } else {
            line.push(' ');
            line += word;
        }
    }
    lines + &line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_file_is_that_of_the_declarations() {
        let written = include_str!("../config.example.toml");
        assert_eq!(written, sample(), "fastapi-broadcaster generate sample >broadcaster/config.example.toml");
    }

    #[test]
    fn the_reference_page_is_that_of_the_declarations() {
        let written = include_str!("../../docs/configuration.md");
        assert_eq!(written, page(), "fastapi-broadcaster generate reference >docs/configuration.md");
    }

    #[test]
    fn the_introduction_names_each_setting_without_a_flag() {
        for section in &SECTIONS {
            for setting in section.settings {
                let named = INTRODUCTION[0].contains(&format!("[`{}`]", setting.file_key()));
                assert!(setting.has_flag() || named, "{}", setting.file_key());
            }
        }
    }
}
