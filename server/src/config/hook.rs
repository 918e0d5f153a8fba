//! Settings of how clients are let in beside tokens: a hook that is asked, what single paths need, proxies that are
//! believed.

use std::time::Duration;

use super::error::{ConfigError, Part};
use super::form::{Form, Unit};
use super::setting::section;
use super::value::Value;
use crate::http_server::{Entrance, HookOptions, HookUrl, Network, Require, RouteRule, TrustedProxies};
use crate::rights::{Rights, Secret};

/// Most questions at a time: each takes a socket, and a worker of php-fpm.
const MOST_AT_ONCE: u64 = 10_000;
/// Most clients that wait.
const MOST: u64 = 1_000_000;

section! { "Login by your own code, and paths";
    auth_hook: Secret, Form::Url,
        "Code of yours that decides who may connect, such as a PHP script: http://..., https://... or \
         fastcgi:///run/php/php8.2-fpm.sock?script=/srv/app/ws_auth.php",
        more: "It is asked once for each connection that has no token, with the client's cookies, so that PHP's session decides. \
               docs/auth-hook.md says what it must answer. No output shows the URL, which may hold a key.",
        example: Some("fastcgi:///run/php/php8.2-fpm.sock?script=/srv/app/ws_auth.php"),
        reloads: true;
    auth_hook_timeout_secs: f64 = 5.0, Form::Seconds,
        "How long the hook may take to answer; afterwards the client is told to come back",
        more: "A client waits as long for its turn before.",
        reloads: true;
    auth_hook_concurrency: usize = 8, Form::between(Unit::Count, 1, MOST_AT_ONCE, ""),
        "Questions to the hook at the same time",
        more: "Each takes a worker of php-fpm. Choose less than `pm.max_children`, so that the others serve your pages. A question \
               that got no answer in time counts until its script ends, a minute at most.",
        reloads: true;
    auth_hook_queue: usize = 1_000, Form::between(Unit::Count, 0, MOST, ""),
        "Clients that may wait for their turn to be asked about; further ones are told to come back",
        reloads: true;
    trusted_proxies: Vec<Network>, Form::Networks,
        "Proxies whose X-Forwarded-For is believed: addresses such as 127.0.0.1, or networks such as 10.0.0.0/8",
        more: "The address that it names is the one that the hook is told, that stands in the log, and that \
               `max_connections_per_address` counts. The last address that is none of these proxies counts.",
        example: Some("[\"127.0.0.1\", \"::1\"]"),
        default_in_words: Some("none"),
        reloads: true;
    route: Vec<RouteRule>, Form::Routes,
        "What holds for clients that connect on single paths, such as /admin/*. The first that matches counts",
        more: "In the file, a table `[[route]]` for each, with `path`, and `channels` or `require` or both. A * stands only at the \
               end of a path. The channels are subscribed at once, as if they stood in the URL: a client needs the right to read \
               them. As a variable: `PATH channel=NAME channel=NAME require=token`, `; ` between rules. What `require` can be:\n\
               - token: a client needs a valid token.\n\
               - hook: the hook is asked, and a token of the request is not looked at.\n\
               - none: it needs nothing, also where `anonymous` is false, and the hook is not asked. A token that it \
               has counts.\n\
               - Without `require`: a token that the client has counts. Without one the hook is asked, if there is one; else \
               `anonymous` decides.",
        example: Some("[{ path = \"/admin/*\", channels = [\"admin\"], require = \"hook\" }]"),
        reloads: true;
}

/// How clients are let in. `rights` are decided already.
pub(super) fn entrance(values: Values, rights: &Rights) -> Result<Entrance, ConfigError> {
    let hook = values.auth_hook.as_ref().map(hook_url).transpose()?;
    let hook = hook.map(|url| HookOptions {
        url,
        timeout: Duration::from_secs_f64(values.auth_hook_timeout_secs),
        concurrency: values.auth_hook_concurrency,
        queue: values.auth_hook_queue,
    });
    let routes = values.route.unwrap_or_default();
    let requiring = |what| routes.iter().position(|route| route.require == Some(what));
    let refuse = |item, problem| Err(ConfigError::new("route", Value::Routes(routes.clone()), problem).of_item(item));
    if let Some(item) = requiring(Require::Hook).filter(|_| hook.is_none()) {
        let problem =
            ["one requires a hook, and there is none: set ".into(), Part::Key("auth_hook"), "".into(), "".into()];
        return refuse(item, problem);
    }
    if let Some(item) = requiring(Require::Token).filter(|_| !rights.takes_tokens()) {
        let problem = [
            "one requires a token, and there is no key: set ".into(),
            Part::Key("token_secret_file"),
            " or ".into(),
            Part::Key("token_public_key_file"),
        ];
        return refuse(item, problem);
    }
    Ok(Entrance { hook, routes, proxies: TrustedProxies::new(values.trusted_proxies.unwrap_or_default()) })
}

fn hook_url(url: &Secret) -> Result<HookUrl, ConfigError> {
    let text = str::from_utf8(url.as_bytes()).map_err(|_| "is not valid UTF-8".to_owned());
    let url = text.and_then(|url| url.trim().parse::<HookUrl>().map_err(|error| error.to_string()));
    url.map_err(|problem| ConfigError::without_value("auth_hook", problem))
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn with_hook(url: &str) -> Settings {
        Settings {
            auth_hook: Some(Secret::new(url.as_bytes())),
            public_channels: Some(vec!["public.*".parse().expect("a pattern")]),
            ..Settings::default()
        }
    }

    fn routes(rules: &[&str]) -> Option<Vec<RouteRule>> {
        Some(rules.iter().map(|rule| rule.parse().expect("a rule")).collect())
    }

    #[test]
    fn with_a_hook_it_must_be_said_which_channels_are_public() {
        let settings = Settings { public_channels: None, ..with_hook("http://app/ws-auth") };
        let error = settings.resolve().expect_err("not said");
        assert_eq!(error.key(), "public_channels");
        assert!(error.to_string().contains(r#"public_channels = ["public.*"]"#), "{error}");
        let config = with_hook("http://app/ws-auth").resolve().expect("a config");
        let hook = config.entrance.hook.expect("a hook");
        assert_eq!((hook.timeout, hook.concurrency, hook.queue), (Duration::from_secs(5), 8, 1000));
        assert!(!config.rights.takes_tokens());
        // With a hook nobody has to be anonymous.
        assert!(Settings { anonymous: Some(false), ..with_hook("http://app/ws-auth") }.resolve().is_ok());
        assert!(Settings::default().resolve().expect("a config").entrance.hook.is_none());
    }

    #[test]
    fn a_wrong_url_is_refused_and_not_shown() {
        for url in ["app/ws-auth?key=geheim", "http://user:geheim@app/", "fastcgi:///run/geheim.sock", "\u{fffd}geheim"]
        {
            let error = with_hook(url).resolve().expect_err("no hook");
            assert_eq!(error.key(), "auth_hook");
            assert!(error.to_string().starts_with("auth_hook: ") && !error.to_string().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn a_route_cannot_require_what_is_not_there() {
        for (rule, told) in [("/a require=hook", "set auth_hook"), ("/a require=token", "set token_secret_file or")] {
            let error = Settings { route: routes(&["/b require=none", rule]), ..Settings::default() }.resolve();
            let error = error.expect_err(rule).to_string();
            assert!(error.starts_with("route = /b require=none; /a require=") && error.contains(told), "{error}");
        }
        let settings = Settings { route: routes(&["/a require=hook", "* require=none"]), ..with_hook("http://app/") };
        assert_eq!(settings.resolve().expect("a config").entrance.routes.len(), 2);
    }
}
