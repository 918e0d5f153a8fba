//! A value of the file as that of a setting. What it must be is said in words of people who write such files. The value
//! is never told: it may be a secret that was meant for another key.

use std::str::FromStr;

use queue::InvalidChannel;
use server::config::{Form, Unit, Value, Whole, all_settings};
use server::hosts::HostRule;
use server::origin::Rule;
use server::token::{InvalidPattern, Pattern, Secret};
use server::{
    ChannelRule, ClientEvents, InvalidApp, InvalidChannelRule, InvalidNetwork, InvalidRouteRule, Network, PusherApp,
    RouteRule, WebhookEvent,
};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::likeness::meant;

/// A key of a table.
type Key<'a> = Spanned<DeString<'a>>;

/// The error is where the mistake is, and what would be right.
pub(super) fn value(form: &Form, given: &Spanned<DeValue<'_>>) -> Result<Value, (usize, String)> {
    let place = given.span().start;
    let refuse = |problem: &str| (place, problem.to_owned());
    let value = given.get_ref();
    match form {
        Form::Path => text(given).map(|text| Value::Path(text.into())),
        Form::Text => text(given).map(|text| Value::Text(text.to_owned())),
        Form::Url => text(given).map(|text| Value::Url(Secret::new(text.as_bytes()))),
        Form::Switch => {
            value.as_bool().map(Value::Switch).ok_or_else(|| refuse("must be true or false, without quotes"))
        }
        Form::Whole(whole) => whole_number(whole, value).map(Value::Whole).map_err(|problem| (place, problem)),
        Form::Seconds => {
            let problem = "must be a number of seconds, such as 0.5, without quotes";
            seconds(value).map(Value::Seconds).ok_or_else(|| refuse(problem))
        }
        Form::Origins => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("same-host")))?;
            let rule = |item| parsed::<Rule>(item, |error| error.reason().to_owned());
            list.iter().map(rule).collect::<Result<_, _>>().map(Value::Origins)
        }
        Form::Hosts => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("ws.example.com")))?;
            let rule = |item| parsed::<HostRule>(item, |error| error.reason().to_owned());
            list.iter().map(rule).collect::<Result<_, _>>().map(Value::Hosts)
        }
        Form::Patterns => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("public.*")))?;
            let pattern = |item| parsed::<Pattern>(item, InvalidPattern::to_string);
            list.iter().map(pattern).collect::<Result<_, _>>().map(Value::Patterns)
        }
        Form::ChannelRules => {
            let list = value.as_array().ok_or_else(|| refuse("must be tables: write [[channel]] above each"))?;
            list.iter().map(channel_rule).collect::<Result<_, _>>().map(Value::ChannelRules)
        }
        Form::Networks => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("127.0.0.1")))?;
            let network = |item| parsed::<Network>(item, InvalidNetwork::to_string);
            list.iter().map(network).collect::<Result<_, _>>().map(Value::Networks)
        }
        Form::Routes => {
            let list = value.as_array().ok_or_else(|| refuse("must be tables: write [[route]] above each"))?;
            list.iter().map(route).collect::<Result<_, _>>().map(Value::Routes)
        }
        Form::Apps => {
            let list = value.as_array().ok_or_else(|| refuse("must be a table: write [[app]] above it"))?;
            list.iter().map(app).collect::<Result<_, _>>().map(Value::Apps)
        }
        Form::Files => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("/path/of/the/file")))?;
            list.iter().map(|item| text(item).map(Into::into)).collect::<Result<_, _>>().map(Value::Files)
        }
        Form::HostNames => {
            let list = value.as_array().ok_or_else(|| (place, list_problem("ws1.internal")))?;
            list.iter().map(|item| text(item).map(str::to_owned)).collect::<Result<_, _>>().map(Value::HostNames)
        }
        Form::Secrets => {
            let list =
                value.as_array().ok_or_else(|| refuse("must be a list, with the secret in quotes: [\"...\"]"))?;
            let secret = |item| text(item).map(|text| Secret::new(text.as_bytes()));
            list.iter().map(secret).collect::<Result<_, _>>().map(Value::Secrets)
        }
        Form::Choice(words) => {
            let given = text(given)?;
            if words.iter().any(|(word, _)| *word == given) {
                return Ok(Value::Text(given.to_owned()));
            }
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            Err((place, format!("must be {}", words.join(" or "))))
        }
    }
}

fn channel_rule(given: &Spanned<DeValue<'_>>) -> Result<ChannelRule, (usize, String)> {
    let place = given.span().start;
    let refuse = |problem: &str| (place, problem.to_owned());
    let table = given.get_ref().as_table().ok_or_else(|| refuse("must be tables: write [[channel]] above each"))?;
    let (mut pattern, mut events, mut seconds) = (None, None, None);
    for (key, value) in in_order(table) {
        let number = || match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = || {
            number().ok_or_else(|| (value.span().start, format!("{key}: must be a whole number", key = key.get_ref())))
        };
        match &**key.get_ref() {
            "pattern" => {
                let problem = of_key("pattern");
                pattern = Some(parsed::<Pattern>(value, InvalidPattern::to_string).map_err(problem)?);
            }
            ChannelRule::EVENTS => events = Some(number()?),
            ChannelRule::SECONDS => seconds = Some(number()?),
            _ => return Err(unknown(key, &["pattern", ChannelRule::EVENTS, ChannelRule::SECONDS])),
        }
    }
    let pattern = pattern.ok_or_else(|| refuse("needs a pattern, such as pattern = \"cursor.*\""))?;
    ChannelRule::new(pattern, events, seconds).map_err(|error| match error {
        InvalidChannelRule::Form => {
            refuse(&format!("needs {} or {} or both", ChannelRule::EVENTS, ChannelRule::SECONDS))
        }
        error => (place, error.to_string()),
    })
}

fn route(given: &Spanned<DeValue<'_>>) -> Result<RouteRule, (usize, String)> {
    let place = given.span().start;
    let refuse = |problem: &str| (place, problem.to_owned());
    let table = given.get_ref().as_table().ok_or_else(|| refuse("must be tables: write [[route]] above each"))?;
    let (mut path, mut channels, mut require) = (None, Vec::new(), None);
    for (key, value) in in_order(table) {
        match &**key.get_ref() {
            "path" => path = Some(text(value).map_err(of_key("path"))?),
            "channels" => {
                let problem = || (value.span().start, format!("channels: {}", list_problem("orders")));
                let list = value.get_ref().as_array().ok_or_else(problem)?;
                let name = |item| parsed(item, |_: &InvalidChannel| InvalidRouteRule::Channel.to_string());
                channels = list.iter().map(name).collect::<Result<_, _>>()?;
            }
            "require" => require = Some(parsed(value, InvalidRouteRule::to_string)?),
            _ => return Err(unknown(key, &["path", "channels", "require"])),
        }
    }
    let path = path.ok_or_else(|| refuse("needs a path, such as path = \"/admin/*\""))?;
    RouteRule::new(path, channels, require).map_err(|error| match error {
        InvalidRouteRule::Form => refuse("needs channels or require or both"),
        error => (place, error.to_string()),
    })
}

fn app(given: &Spanned<DeValue<'_>>) -> Result<PusherApp, (usize, String)> {
    let place = given.span().start;
    let refuse = |problem: &str| (place, problem.to_owned());
    let table = given.get_ref().as_table().ok_or_else(|| refuse("must be a table: write [[app]] above it"))?;
    let (mut id, mut key, mut secrets) = (None, None, Vec::new());
    let (mut client_events, mut global_events) = (ClientEvents::default(), false);
    let (mut webhooks, mut webhook_events) = (Vec::new(), None);
    for (name, value) in in_order(table) {
        match &**name.get_ref() {
            name @ ("id" | "key") => {
                let given = text(value).map_err(of_key(name))?;
                *(if name == "id" { &mut id } else { &mut key }) = Some(given);
            }
            "secret" => {
                let problem = |(place, _)| (place, InvalidApp::Secret.to_string());
                let secret = |item| text(item).map(|text| Secret::new(text.as_bytes())).map_err(problem);
                secrets = match value.get_ref().as_array() {
                    Some(list) => list.iter().map(secret).collect::<Result<_, _>>()?,
                    None => vec![secret(value)?],
                };
            }
            "client_events" => {
                // Also for a switch, which it is not.
                let problem = |(place, _)| (place, InvalidApp::ClientEvents.to_string());
                client_events = parsed(value, InvalidApp::to_string).map_err(problem)?;
            }
            "global_events" => {
                let problem = || (value.span().start, InvalidApp::GlobalEvents.to_string());
                global_events = value.get_ref().as_bool().ok_or_else(problem)?;
            }
            "webhooks" => {
                let problem = list_problem("https://app.example/pusher/webhooks");
                let problem = || (value.span().start, format!("webhooks {problem}"));
                let list = value.get_ref().as_array().ok_or_else(problem)?;
                webhooks = list.iter().map(|item| parsed(item, InvalidApp::to_string)).collect::<Result<_, _>>()?;
            }
            "webhook_events" => {
                let problem = || (value.span().start, InvalidApp::WebhookEvent.to_string());
                let list = value.get_ref().as_array().filter(|list| !list.is_empty()).ok_or_else(problem)?;
                let event = |item| parsed::<WebhookEvent>(item, InvalidApp::to_string);
                webhook_events = Some(list.iter().map(event).collect::<Result<Vec<_>, _>>()?);
            }
            _ => return Err(unknown(name, &PusherApp::KEYS)),
        }
    }
    let (Some(id), Some(key), false) = (id, key, secrets.is_empty()) else {
        return Err(refuse(&InvalidApp::Incomplete.to_string()));
    };
    let mut app = PusherApp::new(id, key, secrets).map_err(|error| refuse(&error.to_string()))?;
    (app.client_events, app.global_events) = (client_events, global_events);
    app.set_webhooks(webhooks, webhook_events).map_err(|error| refuse(&error.to_string()))?;
    Ok(app)
}

/// What is said of a key that the tables of a rule do not have.
fn unknown(key: &Key<'_>, known: &[&str]) -> (usize, String) {
    let given = key.get_ref();
    let hint = match meant(given, known.iter().copied()) {
        Some(meant) => format!("is `{meant}` meant?"),
        None if all_settings().any(|setting| setting.table.is_none() && setting.key == given.as_ref()) => {
            format!("it has {}; keys of the whole file stand above all tables", known.join(", "))
        }
        None => format!("it has {}", known.join(", ")),
    };
    (key.span().start, format!("has no key `{given}`: {hint}"))
}

/// In the order of the file: the first mistake counts.
fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a Key<'a>, &'a Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Puts the name of a key before what is wrong with its value.
fn of_key(key: &str) -> impl Fn((usize, String)) -> (usize, String) {
    move |(place, problem)| (place, format!("{key} {problem}"))
}

fn text<'a>(given: &'a Spanned<DeValue<'_>>) -> Result<&'a str, (usize, String)> {
    given.get_ref().as_str().ok_or_else(|| (given.span().start, "must be a text in quotes".to_owned()))
}

/// `reason` says what is wrong without the text.
fn parsed<T: FromStr>(given: &Spanned<DeValue<'_>>, reason: fn(&T::Err) -> String) -> Result<T, (usize, String)> {
    text(given)?.parse().map_err(|error| (given.span().start, reason(&error)))
}

/// The settings check the bounds once more, when it is known whether a flag wins over the file. Here a number is refused
/// that does not fit the type of its setting: that of settings which may be 0, as ports, has no other values.
fn whole_number(whole: &Whole, value: &DeValue<'_>) -> Result<u64, String> {
    let number = value.as_integer().ok_or_else(|| whole_problem(whole.unit).to_owned())?;
    // Only a number that is far out of every range has too many digits.
    let too_many = if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
    let number = i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(too_many);
    match (u64::try_from(number), whole.problem(number)) {
        (Ok(number), None) => Ok(number),
        (Ok(number), Some(_)) if whole.least > 0 => Ok(number),
        (_, problem) => Err(problem.unwrap_or_else(|| whole_problem(whole.unit).to_owned())),
    }
}

fn seconds(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok().map(|secs| secs as f64),
        _ => None,
    }
}

fn whole_problem(unit: Unit) -> &'static str {
    match unit {
        Unit::Port => "must be a whole number of 0 to 65535",
        Unit::Bytes => "must be a number of bytes, without a unit or quotes",
        Unit::Seconds => "must be a whole number of seconds, without quotes",
        Unit::Count => "must be a whole number, without quotes",
    }
}

fn list_problem(example: &str) -> String {
    format!("must be a list of texts in quotes, such as [{example:?}]")
}
