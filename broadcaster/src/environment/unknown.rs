//! Variables that look like ours and are none: most are mistyped. They are no error, since other programs may share the
//! environment.

use std::collections::BTreeSet;
use std::ffi::OsString;

use queue::printable;
use server::config::all_settings;

use crate::likeness::{meant, of_app};

/// How the names of our variables begin.
const PREFIX: &str = "FASTAPI_WS_";

/// What is said of each variable that has the prefix and that no option of the command has. Values are not shown: they
/// may be secrets.
pub(crate) fn unknown_variables(
    command: &clap::Command,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<String> {
    let mut known: BTreeSet<String> = all_settings().map(|setting| setting.variable().into_owned()).collect();
    add_variables_of(command, &mut known);
    let given = variables.filter(|(_, value)| !value.to_string_lossy().trim().is_empty());
    let names: BTreeSet<String> = given.map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    let unknown = names.difference(&known).filter_map(|name| Some((name, name.strip_prefix(PREFIX)?)));
    unknown.map(|(name, end)| told(name, closest(end, &known))).collect()
}

fn told(name: &str, closest: Option<&str>) -> String {
    let hint = match (name.strip_prefix(PREFIX).and_then(of_app), closest) {
        (Some(_), _) => ": it belongs in FASTAPI_WS_APP".to_owned(),
        (None, Some(closest)) => format!(": is it meant as {closest}?"),
        (None, None) => String::new(),
    };
    format!("{} (environment variable) is ignored because there is no such setting{hint}", printable(name))
}

fn add_variables_of(command: &clap::Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned())));
    command.get_subcommands().for_each(|subcommand| add_variables_of(subcommand, known));
}

fn closest<'a>(end: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    // Settings come in the order in which they are documented: the first of similar ones is the one that most people need.
    let settings = || all_settings().filter_map(|setting| known.get(&*setting.variable()));
    let ends = || settings().chain(known).filter_map(|name| Some((name.strip_prefix(PREFIX)?, name.as_str())));
    let meant = meant(end, ends().map(|(end, _)| end))?;
    ends().find(|(end, _)| *end == meant).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;

    fn unknown(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        unknown_variables(&Args::documented(), variables)
    }

    #[test]
    fn a_variable_that_is_mistyped_is_told_with_the_right_one() {
        for (name, right) in [
            ("FASTAPI_WS_BROKER_URI", Some("FASTAPI_WS_BROKER_URL")),
            ("FASTAPI_WS_BROKERURL", Some("FASTAPI_WS_BROKER_URL")),
            ("FASTAPI_WS_broker_url", Some("FASTAPI_WS_BROKER_URL")),
            ("FASTAPI_WS_MAX_CONECTIONS", Some("FASTAPI_WS_MAX_CONNECTIONS")),
            ("FASTAPI_WS_CONFIGS", Some("FASTAPI_WS_CONFIG")),
            ("FASTAPI_WS_HOOK", Some("FASTAPI_WS_AUTH_HOOK")),
            ("FASTAPI_WS_ADMIN", Some("FASTAPI_WS_ADMIN_LISTEN")),
            ("FASTAPI_WS_PING_INTERVAL", Some("FASTAPI_WS_PING_INTERVAL_SECS")),
            ("FASTAPI_WS_COLOUR_OF_THE_PAGE", None),
        ] {
            let told = unknown(&[(name, "s3cret")]);
            let hint = right.map(|right| format!(": is it meant as {right}?")).unwrap_or_default();
            assert_eq!(
                told,
                [format!("{name} (environment variable) is ignored because there is no such setting{hint}")]
            );
        }
    }

    #[test]
    fn a_variable_with_the_name_of_a_key_of_the_application_belongs_in_that_of_the_application() {
        for name in ["FASTAPI_WS_CLIENT_EVENTS", "FASTAPI_WS_WEBHOOKS", "FASTAPI_WS_APP_KEY"] {
            let told = unknown(&[(name, "s3cret")]);
            assert!(told[0].ends_with(": it belongs in FASTAPI_WS_APP") && !told[0].contains("s3cret"), "{told:?}");
        }
    }

    #[test]
    fn what_is_known_empty_or_of_others_is_not_told() {
        let known = [
            ("FASTAPI_WS_CONFIG", "/file"),
            ("FASTAPI_WS_TOKEN", "x"),
            ("FASTAPI_WS_TOKEN_SECRET", "x"),
            ("FASTAPI_WS_CHANNEL", "x"),
            ("FASTAPI_WS_BROKER_URI", " "),
            ("FASTAPI_WSS", "x"),
            ("WS_PORT", "1"),
        ];
        assert_eq!(unknown(&known), [""; 0]);
    }
}
