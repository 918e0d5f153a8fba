//! What is said where the file is no TOML. The parser speaks of TOML's grammar; who writes a file wants to know what to
//! write. No text of the file is shown: it may be a secret.

const NO_DIGITS: &str = "a number has digits before and behind its point, such as 0.5";

/// How messages of the parser begin, and what is said instead.
const PLAIN: [(&str, &str); 29] = [
    (
        "string values must be quoted",
        "the value is neither a number, nor true or false, nor a text in quotes: write texts as \"...\", numbers without \
         a unit, and nothing behind the value",
    ),
    ("key with no value", "a key stands here without a value: write key = value"),
    ("missing value", "a key stands here without a value: write key = value"),
    ("missing assignment", "the = between key and value is missing: write key = value"),
    ("extra assignment", "there is a = too many: write key = value"),
    ("extra `=`", "there is a = too many: write key = value"),
    ("unquoted keys cannot be empty", "the key before = is missing: write key = value"),
    ("invalid key-value pair", "this is no line of TOML: write key = value"),
    ("invalid unquoted key", "a key has letters, digits, - and _ only: write key = value"),
    ("invalid boolean", "write true or false, in small letters and without quotes"),
    (
        "invalid float",
        "this is no number: write numbers without a unit, such as 5 or 0.5, and texts, as addresses are, in quotes",
    ),
    ("unexpected leading zero", "a number may not begin with 0: leave it out"),
    ("`_` may only go between digits", "in a number _ may only stand between digits"),
    ("invalid basic string", "the text has no end: a \" is missing at the end of it, or there is a character too many"),
    ("invalid literal string", "the text has no end: a ' is missing at the end of it"),
    ("invalid multi-line", "the text has no end: the three quotes at its end are missing"),
    ("invalid mantissa", NO_DIGITS),
    ("invalid fraction", NO_DIGITS),
    ("missing table open", "there is a ] or } too many"),
    ("extra comma in array", "there is a comma too many in the list"),
    ("missing escaped value", "in \"...\" write \\\\ for each \\, or use '...', where \\ stands for itself"),
    ("unclosed table", "the ] behind the name of the table is missing"),
    ("unclosed array table", "the ]] behind the name of the table is missing"),
    ("unclosed array", "the ] at the end of the list is missing"),
    ("missing comma between array elements", "the comma between two items of the list is missing"),
    ("unclosed inline table", "the } at the end of the table is missing"),
    (
        "unexpected key or value",
        "there is something behind the value: write a line for each key, and a list as [\"a\", \"b\"]",
    ),
    ("carriage return", "the line ends with a carriage return alone: end lines with a line feed"),
    ("duplicate key", "this key or table stands in the file already: write it once"),
];

/// The message of the parser in plain words. Of one that is not known, what is wrong, and not what its grammar wants.
pub(super) fn plain(message: &str) -> String {
    // The longest that fits: `unclosed array` begins `unclosed array table`.
    let fits = PLAIN.iter().filter(|(beginning, _)| message.starts_with(beginning));
    let known = fits.max_by_key(|(beginning, _)| beginning.len());
    let wrong = || message.split(", expected ").next().unwrap_or_default().replace('\n', " ");
    known.map_or_else(|| format!("this is no TOML: {}", wrong()), |(_, plain)| (*plain).to_owned())
}
