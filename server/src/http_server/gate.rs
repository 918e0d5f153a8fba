//! Who may become a client, and what it gets: decided from the request, before it is answered.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use queue::ChannelName;

use crate::config::Config;
use crate::http_server::Admission;
use crate::http_server::admission::AnsweredPaths;
use crate::http_server::cors::{self, CorsRequest};
use crate::http_server::credentials::{self, WithoutOrigin, cookies_count};
use crate::http_server::entrance::Entrance;
use crate::http_server::head::Head;
use crate::http_server::hook::{Decision, Hook, Question};
use crate::http_server::hosts::{AllowedHosts, HostRule, RefusedHosts};
use crate::http_server::origin::{AllowedOrigins, RefusedOrigins};
use crate::http_server::proxies::Sender;
use crate::http_server::pusher_handshake::{self, PusherRefusal};
use crate::http_server::query::{Looked, Query, QueryError};
use crate::http_server::refusal::Refusal;
use crate::http_server::route_rule::Require;
use crate::metrics::AuthFailure;
use crate::permit::PendingPermit;
use crate::protocol::after::is_position;
use crate::protocol::{ClientKind, NATIVE, Wants};
use crate::rights::{Denial, Identity, Rights};

/// An id that no event has.
const UNKNOWN_ID: &str = "unknown";

/// Decides about requests that want to become clients.
#[derive(Debug)]
pub(super) struct Gate {
    hosts: AllowedHosts,
    refused_hosts: RefusedHosts,
    origins: AllowedOrigins,
    refused_origins: RefusedOrigins,
    rights: Arc<Rights>,
    entrance: Entrance,
    hook: Option<Arc<Hook>>,
    answered: AnsweredPaths,
    max_channels: usize,
}

/// A request as far as it says who the client is.
#[derive(Debug, Clone, Copy)]
struct Login<'a> {
    head: &'a Head,
    /// The token of its query.
    token: Option<&'a str>,
    without_origin: WithoutOrigin,
    sender: Sender,
    pending: &'a PendingPermit,
}

impl Gate {
    /// What the settings say, on a server that listens on the address, if it is known. The hook is that of the settings.
    pub(super) fn of(config: &Config, hook: Option<Arc<Hook>>, listening_on: Option<IpAddr>) -> Gate {
        let Admission { allowed_origins, allowed_hosts, answered, .. } = config.admission.clone();
        let max_channels = config.limits.max_channels_per_client;
        let (rights, entrance) = (config.rights.clone(), (config.entrance.clone(), hook));
        let gate = Gate::new(allowed_origins, listening_on, rights, entrance, answered, max_channels);
        Gate { hosts: allowed_hosts, ..gate }
    }

    /// Lets pages of these origins in, on a server that listens on the address, if it is known. A client may have so
    /// many channels. The hook is that of the entrance.
    pub(super) fn new(
        origins: AllowedOrigins,
        listening_on: Option<IpAddr>,
        rights: Arc<Rights>,
        (entrance, hook): (Entrance, Option<Arc<Hook>>),
        answered: AnsweredPaths,
        max_channels: usize,
    ) -> Gate {
        let origins = match listening_on {
            Some(address) => origins.listening_on(address),
            None => origins,
        };
        Gate {
            hosts: AllowedHosts::new(vec![HostRule::Any]),
            refused_hosts: RefusedHosts::default(),
            origins,
            refused_origins: RefusedOrigins::default(),
            rights,
            entrance,
            hook,
            answered,
            max_channels,
        }
    }

    /// Refuses requests that are meant for another server, and pages that may not connect. Nothing is told to pages.
    pub(super) fn check_host_and_origin(&self, head: &Head) -> Result<(), Refusal> {
        if !self.hosts.admit(head.host()) {
            self.refused_hosts.log_refusal(head.host());
            let host = head.host().unwrap_or_default();
            let problem = format!("this server is not {host:?}: the operator can add it to allowed_hosts");
            return Err(Refusal::Host { problem });
        }
        if self.origins.admit(head.origin(), head.host()) {
            return Ok(());
        }
        let origin = head.origin().unwrap_or_default();
        self.refused_origins.log_refusal(origin, head.host());
        let problem = format!("pages of {origin} may not connect: the operator can add it to allowed_origins");
        Err(Refusal::Origin { problem })
    }

    /// Whether a valid handshake of an allowed page is of the Pusher protocol, and whether that lets it in: who its client
    /// is, it says later. Nothing else is asked about it.
    pub(super) fn pusher(&self, head: &Head) -> Option<Result<(), PusherRefusal>> {
        let app = self.rights.app.as_ref().filter(|_| !head.offers(NATIVE))?;
        pusher_handshake::check(&head.target, app)
    }

    /// Lets a valid handshake of an allowed page in, or refuses it. Async, because what is asked may be another process.
    pub(super) async fn admit(&self, head: &Head, sender: Sender, pending: &PendingPermit) -> Result<Wants, Refusal> {
        let is_native = head.offers(NATIVE);
        let is_answered = !is_native && self.answered.contain(&head.target);
        let query = Query::parse(&head.target, self.looked(!is_answered, false))?;
        let token = query.token.as_deref();
        let login = Login { head, token, without_origin: WithoutOrigin::NoCookies, sender, pending };
        let identity = self.identity(login).await?;
        let who = identity.as_ref();
        let everybody = self.rights.gets_everybody(who, query.everybody);
        let of_route = self.entrance.route(&head.target).is_some_and(|route| !route.channels.is_empty());
        let names_channels = query.is_by_url() || of_route || who.is_some_and(|who| !who.channels.is_empty());
        let kind = if is_native || !is_answered && names_channels {
            // A client that asked for them would wait for them without end.
            if query.everybody == Some(true) && !everybody {
                return Err(self.rights.lacking(who).into());
            }
            ClientKind::Channels { is_native, channels: self.channels(who, query.channels, head)?, everybody }
        } else if everybody {
            ClientKind::Plain
        } else if is_answered {
            ClientKind::ApplicationOnly
        } else {
            // It would never receive anything.
            return Err(self.rights.lacking(who).into());
        };
        Ok(Wants { kind, identity: identity.map(Box::new), after: query.after })
    }

    /// Lets a request for server-sent events in, or refuses it. Also on paths on which the application answers: who
    /// asks for them is no client that it could answer. Returns whether types are to be the names of events, and what
    /// the client gets.
    pub(super) async fn admit_stream(
        &self,
        head: &Head,
        sender: Sender,
        pending: &PendingPermit,
    ) -> Result<(bool, Wants), Refusal> {
        let query = Query::parse(&head.target, self.looked(true, true))?;
        let token = query.token.as_deref();
        let identity =
            self.identity(Login { head, token, without_origin: WithoutOrigin::Cookies, sender, pending }).await?;
        let who = identity.as_ref();
        let everybody = self.rights.gets_everybody(who, query.everybody);
        // A client that asked for them, or can get nothing else, would wait for them without end.
        if query.everybody == Some(true) && !everybody {
            return Err(self.rights.lacking(who).into());
        }
        let channels = self.channels(who, query.channels, head)?;
        if query.everybody.is_none() && !everybody && channels.is_empty() {
            return Err(self.rights.lacking(who).into());
        }
        let kind = ClientKind::Channels { is_native: false, channels, everybody };
        let after = last_event_id(head).or(query.last_event_id).or(query.after);
        Ok((query.named == Some(true), Wants { kind, identity: identity.map(Box::new), after }))
    }

    /// Adds what lets a page read the answer to a request with this `Origin` and host.
    pub(super) fn let_read(&self, headers: &mut HeaderMap, origin: Option<&str>, host: Option<&str>) {
        cors::allow(headers, CorsRequest { origin, host }, &self.origins);
    }

    /// The same for a preflight.
    pub(super) fn let_preflight_read(&self, headers: &mut HeaderMap, origin: Option<&str>, host: Option<&str>) {
        cors::allow_preflight(headers, CorsRequest { origin, host }, &self.origins);
    }

    fn looked(&self, wants: bool, stream: bool) -> Looked {
        Looked { wants, stream, token: self.rights.takes_tokens(), max_channels: self.max_channels }
    }

    /// Who the request is from: by its token if it has one, else by what the hook says. A token that is not valid is
    /// refused, also where none is needed: its client expects to be somebody.
    async fn identity(&self, login: Login<'_>) -> Result<Option<Identity>, Refusal> {
        let Login { head, token, without_origin, .. } = login;
        let require = self.entrance.require(&head.target);
        if self.rights.takes_tokens()
            && require != Some(Require::Hook)
            && let Some(token) = credentials::token(head, token, &self.origins, without_origin)?
        {
            return Ok(Some(self.rights.login(token, SystemTime::now())?));
        }
        match (require, &self.hook) {
            (Some(Require::Nothing), _) => Ok(None),
            (Some(Require::Hook) | None, Some(hook)) => self.ask(hook, login).await.map(Some),
            (None, None) if self.rights.takes_anonymous() => Ok(None),
            (Some(Require::Token | Require::Hook) | None, _) => Err(Denial::NotAuthenticated.into()),
        }
    }

    /// Who the request is from by what the hook says. It is asked about clients alone that there is room for.
    async fn ask(&self, hook: &Hook, login: Login<'_>) -> Result<Identity, Refusal> {
        let Login { head, without_origin, sender, pending, .. } = login;
        if let Some(too_many) = pending.problem() {
            return Err(too_many.into());
        }
        let has_cookies = cookies_count(head, &self.origins, without_origin);
        match hook.ask(Question { head, sender, has_cookies }).await? {
            Decision::In(identity) => Ok(*identity),
            Decision::Out(denial) => Err(Refusal::Denied(denial, AuthFailure::HookDenied)),
        }
    }

    /// What is subscribed at once: the channels of the URL, then those of the route, then those of the token or the hook,
    /// no name twice.
    fn channels(
        &self,
        who: Option<&Identity>,
        mut channels: Vec<ChannelName>,
        head: &Head,
    ) -> Result<Vec<ChannelName>, Refusal> {
        let now = SystemTime::now();
        for channel in self.entrance.route(&head.target).map(|route| route.channels.as_slice()).unwrap_or_default() {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        channels.iter().try_for_each(|channel| self.rights.may_read(who, channel, None, now).map(drop))?;
        for channel in who.map(|who| who.channels.as_slice()).unwrap_or_default() {
            if !channels.contains(channel) {
                channels.push(channel.clone());
            }
        }
        if channels.len() > self.max_channels {
            return Err(QueryError::TooManyChannels(self.max_channels).into());
        }
        Ok(channels)
    }
}

/// The id of the last event that a browser got before it came back. One that cannot be ours, such as that of the server
/// that was here before, is an id that nobody knows: its client has missed something, and must not be refused
/// permanently.
fn last_event_id(head: &Head) -> Option<String> {
    let name = HeaderName::from_static("last-event-id");
    let mut ids = head.values(&name).map(str::trim_ascii).filter(|id| !id.is_empty());
    let first = ids.next()?;
    Some(if is_position(first) && ids.all(|id| id == first) { first } else { UNKNOWN_ID }.to_owned())
}
