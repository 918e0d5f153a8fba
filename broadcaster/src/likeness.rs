//! Which known name somebody may have meant with a mistyped one: a key of the configuration file, or a variable.

/// One character of so many may be wrong, and one in any case: left out, added, another one, or the wrong order of two.
const CHARACTERS_FOR_A_MISTAKE: usize = 4;

/// The known name that is most like this one, if one is. Capital and small letters are the same.
pub(crate) fn meant<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let length = given.chars().count();
    let most = (length / CHARACTERS_FOR_A_MISTAKE).max(1).min(length.saturating_sub(1));
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name);
    let (_, name) = known.into_iter().map(distance).filter(|(distance, _)| *distance <= most).min()?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
