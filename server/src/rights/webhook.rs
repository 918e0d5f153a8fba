//! Where the application's server is told what happens, and of what it wants to be told.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::pusher_app::InvalidApp;
use crate::http_client::HttpUrl;

/// A URL that is told what happens. It may hold a secret, so no output shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(HttpUrl);

impl WebhookUrl {
    pub(crate) fn http(&self) -> &HttpUrl {
        &self.0
    }

    /// Where it is connected to, as a name or an address without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port at the host.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Scheme, host and port: what can be shown of it.
    pub fn origin(&self) -> String {
        let scheme = if self.0.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.0.authority)
    }
}

impl FromStr for WebhookUrl {
    type Err = InvalidApp;

    fn from_str(text: &str) -> Result<WebhookUrl, InvalidApp> {
        let url = Url::parse(text).map_err(|_| InvalidApp::WebhookUrl)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let url = HttpUrl::new(&url).filter(|_| is_plain).ok_or(InvalidApp::WebhookUrl)?;
        Ok(WebhookUrl(url))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are named as in Pusher's documentation")]
pub enum WebhookEvent {
    ChannelOccupied,
    ChannelVacated,
    MemberAdded,
    MemberRemoved,
    ClientEvent,
    CacheMiss,
}

impl WebhookEvent {
    const ALL: [WebhookEvent; 6] = [
        WebhookEvent::ChannelOccupied,
        WebhookEvent::ChannelVacated,
        WebhookEvent::MemberAdded,
        WebhookEvent::MemberRemoved,
        WebhookEvent::ClientEvent,
        WebhookEvent::CacheMiss,
    ];

    /// As it is written in settings and requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            WebhookEvent::ChannelOccupied => "channel_occupied",
            WebhookEvent::ChannelVacated => "channel_vacated",
            WebhookEvent::MemberAdded => "member_added",
            WebhookEvent::MemberRemoved => "member_removed",
            WebhookEvent::ClientEvent => "client_event",
            WebhookEvent::CacheMiss => "cache_miss",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for WebhookEvent {
    type Err = InvalidApp;

    fn from_str(text: &str) -> Result<WebhookEvent, InvalidApp> {
        WebhookEvent::ALL.into_iter().find(|event| event.name() == text).ok_or(InvalidApp::WebhookEvent)
    }
}

/// Some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WebhookEvents(u8);

impl WebhookEvents {
    pub(crate) const NONE: WebhookEvents = WebhookEvents(0);

    pub(crate) fn has(self, event: WebhookEvent) -> bool {
        self.0 & event.bit() != 0
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> WebhookEvents {
        WebhookEvents(bits)
    }

    /// In the order of the documentation.
    pub(crate) fn iter(self) -> impl Iterator<Item = WebhookEvent> {
        WebhookEvent::ALL.into_iter().filter(move |event| self.has(*event))
    }
}

impl FromIterator<WebhookEvent> for WebhookEvents {
    fn from_iter<T: IntoIterator<Item = WebhookEvent>>(events: T) -> WebhookEvents {
        WebhookEvents(events.into_iter().fold(0, |bits, event| bits | event.bit()))
    }
}

/// All but that of which there is one for each message of a client.
impl Default for WebhookEvents {
    fn default() -> WebhookEvents {
        WebhookEvent::ALL.into_iter().filter(|event| *event != WebhookEvent::ClientEvent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_a_url_of_http_that_no_output_shows() {
        for text in ["http://app/hooks", "https://app.example:8443/geheim?key=geheim", "http://[::1]:80"] {
            let url: WebhookUrl = text.parse().expect(text);
            assert_eq!((url.to_string(), format!("{url:?}")), ("[hidden]".into(), "WebhookUrl([hidden])".into()));
        }
        for text in ["", "/hooks", "app.example/hooks", "ftp://app/", "http://", "http://u:p@app/", "http://app/#x"] {
            assert_eq!(text.parse::<WebhookUrl>(), Err(InvalidApp::WebhookUrl), "{text}");
        }
    }

    #[test]
    fn events_are_named_as_pusher_names_them() {
        for event in WebhookEvent::ALL {
            assert_eq!(event.name().parse(), Ok(event));
            assert_eq!(WebhookEvents::from_iter([event]).iter().collect::<Vec<_>>(), [event]);
        }
        assert_eq!("channel-occupied".parse::<WebhookEvent>(), Err(InvalidApp::WebhookEvent));
        let names: Vec<_> = WebhookEvents::default().iter().map(WebhookEvent::name).collect();
        assert_eq!(names, ["channel_occupied", "channel_vacated", "member_added", "member_removed", "cache_miss"]);
    }
}
