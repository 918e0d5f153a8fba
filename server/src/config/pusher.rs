//! Settings of the Pusher protocol: the application that its clients and servers belong to.

use super::Config;
use super::error::ConfigError;
use super::form::Form;
use super::setting::section;
use super::value::Value;
use crate::rights::PusherApp;

section! { "The Pusher protocol";
    app: Vec<PusherApp>, Form::Apps,
        "The application of clients of the Pusher protocol, such as Laravel Echo. Without one there is no such protocol",
        more: "In the file, a table `[[app]]` with `id`, `key`, and `secret`: a text, or a list for a change of the secret. There is \
               one at most. As a variable: `id=ID key=KEY secret=SECRET`. Clients connect on /app/KEY, servers send to \
               /apps/ID/events; see docs/pusher.md. What else it may have:\n\
               - client_events: \"off\", or \"members\" to let subscribers of private and presence channels send events to each \
               other.\n\
               - global_events: true to send events for everybody to these clients as well.\n\
               - webhooks: a list of 8 URLs at most, http or https, that are told what happens to channels; see \
               docs/pusher-webhooks.md. In the variable: `webhook=URL` for each.\n\
               - webhook_events: of what they are told, a list: channel_occupied, channel_vacated, member_added, \
               member_removed, client_event, cache_miss. Without the list, of all but client_event. In the variable: `webhook_event=NAME` for each.",
        example: Some("[{ id = \"1\", key = \"app-key\", secret = \"made by openssl rand -hex 32\" }]"),
        default_in_words: Some("none"),
        reloads: true;
}

impl Config {
    /// The application of the Pusher protocol, if there is one.
    pub fn app(&self) -> Option<&PusherApp> {
        self.rights.app.as_ref()
    }
}

/// The application, if there is one.
pub(super) fn app(values: Values) -> Result<Option<PusherApp>, ConfigError> {
    let mut apps = values.app.unwrap_or_default();
    if apps.len() > 1 {
        let problem =
            "there is one application at most: start a broadcaster with its own queue for each other one".to_owned();
        return Err(ConfigError::new("app", Value::Apps(apps), problem).of_item(1));
    }
    Ok(apps.pop())
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    #[test]
    fn a_second_application_is_refused() {
        let app = |text: &str| text.parse().expect("an application");
        let given = Settings {
            app: Some(vec![app("id=1 key=a secret=geheim"), app("id=2 key=b secret=geheim")]),
            public_channels: Some(Vec::new()),
            ..Settings::default()
        };
        let error = given.resolve().expect_err("two applications");
        assert_eq!(error.key(), "app");
        assert!(error.to_string().contains("one application at most") && !error.to_string().contains("geheim"));
    }

    #[test]
    fn events_for_everybody_go_to_all_only_where_they_are_for_everybody() {
        let app: PusherApp = "id=1 key=a secret=s global_events=true".parse().expect("an application");
        let given = |public: &[&str], anonymous| Settings {
            app: Some(vec![app.clone()]),
            public_channels: Some(public.iter().map(|text| text.parse().expect("a pattern")).collect()),
            anonymous: Some(anonymous),
            ..Settings::default()
        };
        assert!(given(&["*"], true).resolve().is_ok());
        for refused in [given(&["a*"], true), given(&["*"], false)] {
            let error = refused.resolve().expect_err("not for everybody");
            assert!(error.key() == "app" && error.to_string().contains("global_events"), "{error}");
        }
    }

    #[test]
    fn with_an_application_it_must_be_said_which_channels_are_public() {
        let app = Some(vec!["id=1 key=a secret=s".parse().expect("an application")]);
        let given = Settings { app, ..Settings::default() };
        let error = given.clone().resolve().expect_err("not said");
        assert_eq!(error.key(), "public_channels");
        assert!(error.to_string().contains(r#"public_channels = ["*"]"#), "{error}");
        let config = Settings { public_channels: Some(Vec::new()), ..given }.resolve().expect("a config");
        assert!(config.rights.app.is_some() && !config.rights.takes_tokens());
    }
}
