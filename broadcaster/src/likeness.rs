//! Which known name somebody may have meant with a mistyped one: a key of the configuration file, a flag or a variable.

use server::PusherApp;

/// One character of so many may be wrong, and one in any case: left out, added, another one, or the wrong order of two.
const CHARACTERS_FOR_A_MISTAKE: usize = 4;
/// A shorter part of a name, such as `max`, is part of too many.
const SHORTEST_PART: usize = 4;

/// The known name that is most like this one, if one is: it has the unit as well, or differs by few characters, or the
/// given name is a whole part of it. Capital and small letters are the same.
pub(crate) fn meant<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (given, known): (_, Vec<&str>) = (given.to_lowercase(), known.into_iter().collect());
    let with_unit = format!("{}_secs", given.replace('-', "_"));
    let has_unit = known.iter().copied().find(|name| name.to_lowercase() == with_unit);
    has_unit.or_else(|| mistyped(&given, &known)).or_else(|| with_part(&given, &known))
}

fn mistyped<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = given.chars().count();
    let most = (length / CHARACTERS_FOR_A_MISTAKE).max(1).min(length.saturating_sub(1));
    let distance = |name: &'a str| (strsim::damerau_levenshtein(given, &name.to_lowercase()), name);
    let (_, name) = known.iter().copied().map(distance).filter(|(distance, _)| *distance <= most).min()?;
    Some(name)
}

/// The shortest name that has the given one between its underscores, and the first of these.
fn with_part<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let part = format!("_{}_", given.replace('-', "_"));
    let has_part = |name: &&str| given.len() >= SHORTEST_PART && format!("_{}_", name.to_lowercase()).contains(&part);
    known.iter().copied().filter(has_part).min_by_key(|name| name.split('_').count())
}

/// The key of the table `[[app]]` that is meant, if one is: as it stands there, with `app_` before it, or one of several.
pub(crate) fn of_app(given: &str) -> Option<&'static str> {
    let given = given.to_lowercase().replace('-', "_");
    let key = given.strip_prefix("app_").unwrap_or(&given);
    PusherApp::KEYS.into_iter().find(|known| *known == key || known.strip_suffix('s') == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_its_unit_and_a_part_of_one_are_meant() {
        let known = ["ping_interval_secs", "auth_hook_timeout_secs", "auth_hook", "admin_listen", "admin_token_file"];
        for (given, expected) in [
            ("ping_interval", Some("ping_interval_secs")),
            ("hook", Some("auth_hook")),
            ("HOOK", Some("auth_hook")),
            ("ping-interval", Some("ping_interval_secs")),
            ("hook-timeout", Some("auth_hook_timeout_secs")),
            ("auth_hook_timeout", Some("auth_hook_timeout_secs")),
            ("admin", Some("admin_listen")),
            ("min", None),
            ("token_fil", None),
            ("", None),
        ] {
            assert_eq!(meant(given, known), expected, "{given}");
        }
    }

    #[test]
    fn keys_of_the_application_are_known_as_such() {
        for (given, expected) in [
            ("client_events", Some("client_events")),
            ("client-events", Some("client_events")),
            ("APP_KEY", Some("key")),
            ("webhook", Some("webhooks")),
            ("relay_client_events", None),
            ("app", None),
        ] {
            assert_eq!(of_app(given), expected, "{given}");
        }
    }

    #[test]
    fn only_a_name_that_differs_by_few_characters_is_meant() {
        let known = ["port", "host", "max_connections", "max_connections_per_address"];
        for (given, expected) in [
            ("prot", Some("port")),
            ("pot", Some("port")),
            ("PORT", Some("port")),
            ("max-conections", Some("max_connections")),
            ("maxconnectionsperaddress", Some("max_connections_per_address")),
            ("max_clients", None),
            ("past", None),
            ("x", None),
            ("", None),
            ("\u{e9}\u{e9}rt", None),
        ] {
            assert_eq!(meant(given, known), expected, "{given}");
        }
    }
}
