//! The HTTP API of the Pusher protocol: the application's server publishes, asks about channels, and ends connections.
//! On the port of the clients, below any prefix: `[/any/prefix]/apps/ID/...`.
//!
//! A request goes through [`endpoint`] (which path is what) and [`signature`] (who asks); then its [`body`] is read, and
//! [`events`], [`channels`] or [`terminating`] does it. [`refused`] is why not.

mod attributes;
mod body;
mod channels;
mod counting;
mod endpoint;
mod events;
mod given;
mod refused;
mod signature;
mod terminating;
#[cfg(any(test, feature = "fuzzing"))]
mod trying;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body, Bytes};
use serde_json::Value;

use self::body::Bodies;
use self::endpoint::{Endpoint, Place};
use self::events::{Form, Sent};
use self::refused::{RefusalLog, Refused};
use self::signature::{Parameters, Signed};
use crate::config::Config;
use crate::http_server::finishing::Finishing;
use crate::http_server::refusal::Refusal;
use crate::hub::Hub;
use crate::metrics::AuthFailure;
use crate::publisher::Publisher;
use crate::rights::{PusherApp, Rights};

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::trying::{try_body, try_signed, try_target};

/// How long a request may take altogether. Its parts have bounds of their own, which are less together.
pub(super) const TIMEOUT: Duration = Duration::from_secs(45);
/// When one who found no room may try again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What stays when settings change.
#[derive(Debug)]
pub(super) struct ApiParts {
    /// None: there is no queue.
    publisher: Option<Publisher>,
    bodies: Bodies,
    log: RefusalLog,
}

impl ApiParts {
    pub(super) fn of(config: &Config) -> ApiParts {
        let publisher = config.queue.as_deref().map(|queue| Publisher::new(queue, config.max_event_bytes));
        let max_event_bytes = publisher.as_ref().map_or(0, Publisher::max_event_bytes);
        ApiParts { publisher, bodies: Bodies::new(max_event_bytes), log: RefusalLog::default() }
    }
}

/// The API of the application.
#[derive(Debug)]
pub(super) struct PusherApi {
    rights: Arc<Rights>,
    parts: Arc<ApiParts>,
    hub: Hub,
}

impl PusherApi {
    pub(super) fn new(rights: Arc<Rights>, parts: Arc<ApiParts>, hub: Hub) -> PusherApi {
        PusherApi { rights, parts, hub }
    }

    /// The application whose API a path belongs to. Without an application there is no API.
    pub(super) fn app_of(&self, path: &str) -> Option<&PusherApp> {
        let app = self.rights.app.as_ref()?;
        Place::of(path, &app.id).map(|_| app)
    }

    /// Does what a request asks for, and answers it. `admitted` is what was decided from its host and origin.
    pub(super) async fn answer<B>(
        &self,
        app: &PusherApp,
        request: Request<B>,
        admitted: Result<(), Refusal>,
        finishing: &Finishing,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let path = request.uri().path().to_owned();
        let place = Place::of(&path, &app.id);
        let endpoint = place.filter(|place| place.app == &*app.id).map(|place| place.endpoint());
        let label = match &endpoint {
            Some(Ok(endpoint)) => endpoint.label(),
            _ => Endpoint::OTHER,
        };
        let method = endpoint.as_ref().and_then(|endpoint| endpoint.as_ref().ok()).map(Endpoint::method);
        let done = async {
            admitted?;
            let place = place.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "there is nothing here"))?;
            let endpoint = endpoint.unwrap_or_else(|| Err(unknown_app()))?;
            self.answer_at(app, place, endpoint, request, finishing).await
        };
        let response = match done.await {
            Ok(answer) => respond(StatusCode::OK, "application/json", answer.to_string()),
            Err(refused) => {
                self.parts.log.note(label, &refused);
                if refused.status == StatusCode::UNAUTHORIZED {
                    self.hub.metrics().auth_failed(AuthFailure::NotAuthenticated);
                }
                refuse(&refused, method)
            }
        };
        self.hub.metrics().api_request(label, response.status().as_u16());
        response
    }

    async fn answer_at<B>(
        &self,
        app: &PusherApp,
        place: Place<'_>,
        endpoint: Endpoint,
        request: Request<B>,
        finishing: &Finishing,
    ) -> Result<Value, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let method = endpoint.method();
        if *request.method() != method {
            let sentence = format!("use {method} for this path");
            return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, sentence));
        }
        let parameters = Parameters::parse(request.uri().query().unwrap_or_default())?;
        let has_body = method == Method::POST && !request.body().is_end_stream();
        let signed = Signed { method: method.as_str(), path: place.signed, has_body };
        parameters.check(app, signed, SystemTime::now())?;
        let (hub, parts) = (&self.hub, &self.parts);
        let form = match &endpoint {
            Endpoint::Channels => return channels::list(hub, &parameters).await,
            Endpoint::Channel(name) => return channels::one(hub, name, &parameters).await,
            Endpoint::Users(name) => return channels::users(hub, name),
            Endpoint::Connections => return Ok(channels::connections(hub)),
            Endpoint::TerminateConnections(user) => {
                let (body, _room) = parts.bodies.read(request.into_body()).await?;
                parameters.check_body(&body)?;
                return terminating::terminate(hub, user).await;
            }
            Endpoint::Events => Form::Event,
            Endpoint::BatchEvents => Form::Batch,
        };
        let no_queue = || Refused::unavailable("this server has no queue that events could go to");
        let publisher = parts.publisher.as_ref().ok_or_else(no_queue)?;
        let (body, room) = parts.bodies.read(request.into_body()).await?;
        events::publish(hub, publisher, form, Sent { body, parameters, room }, finishing).await
    }
}

fn unknown_app() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "unknown app: the id in the path is not the `id` of this application")
}

fn refuse(refused: &Refused, method: Option<Method>) -> Response<Full<Bytes>> {
    let mut response = respond(refused.status, "text/plain; charset=utf-8", format!("{}\n", refused.sentence));
    let headers = response.headers_mut();
    match refused.status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = method.and_then(|method| HeaderValue::from_str(method.as_str()).ok());
            allowed.into_iter().for_each(|allowed| drop(headers.insert(header::ALLOW, allowed)));
        }
        StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, RETRY_AFTER)),
        _ => {}
    }
    response
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
