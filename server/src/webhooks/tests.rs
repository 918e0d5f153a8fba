//! Webhooks against real web servers that take events, refuse them, or say nothing.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use queue::ChannelName;
use serde_json::{Value, json};
use testkit::{Reply, ReservedPort, WebRequest, WebServer, eventually, within};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::telling::Task;
use super::webhook::{ANSWER_TIMEOUT, MAX_AGE, MAX_EVENTS};
use super::*;

const GRACE: Duration = Duration::from_secs(10);

/// What is logged on the thread of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn keep() -> (Log, DefaultGuard) {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).contains(text)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

fn app(addresses: &[SocketAddr], more: &str) -> PusherApp {
    let urls: String = addresses.iter().map(|address| format!(" webhook=http://{address}/hooks?key=geheim")).collect();
    format!("id=1 key=app-key secret=s3cret {more}{urls}").parse().expect("an application")
}

fn telling(app: &PusherApp) -> (Webhooks, Telling) {
    let webhooks = Webhooks::default();
    webhooks.change(Some(app));
    (webhooks.clone(), Telling::start(webhooks, &CancellationToken::new()))
}

fn channel(name: &str) -> ChannelName {
    name.parse().expect("a name")
}

fn miss(number: usize) -> Happened {
    Happened::CacheMiss(channel(&format!("cache-{number}")))
}

async fn taking() -> WebServer {
    WebServer::start(|_| Reply::Status(200)).await
}

/// The channels of all events that a server got, a list for each request.
fn told(server: &WebServer) -> Vec<Vec<String>> {
    let channels = |request: &WebRequest| {
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        let events = body["events"].as_array().expect("a list").iter();
        events.map(|event| event["channel"].as_str().expect("a text").to_owned()).collect()
    };
    server.requests().iter().map(channels).collect()
}

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("cache-{number}")).collect()
}

#[tokio::test]
async fn requests_are_signed_and_hold_several_events_in_order() {
    let server = taking().await;
    let app = app(&[server.address()], "secret=older");
    let (webhooks, telling) = telling(&app);
    (0..250).for_each(|number| webhooks.tell(miss(number)));
    eventually("all are told", || told(&server).concat().len() == 250).await;
    assert_eq!(told(&server).concat(), names(0..250));
    assert_eq!(told(&server).iter().map(Vec::len).collect::<Vec<_>>(), [MAX_EVENTS, MAX_EVENTS, 50]);
    for request in server.requests() {
        assert!(request.head.starts_with("POST /hooks?key=geheim HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("host"), Some(&*server.address().to_string()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-pusher-key"), Some("app-key"));
        // With the first secret.
        let signature = app.sign(request.body.as_bytes());
        assert_eq!(request.header("x-pusher-signature"), Some(&*signature));
        let body: Value = serde_json::from_str(&request.body).expect("JSON");
        assert!(body["time_ms"].as_u64().expect("a number") > 1_700_000_000_000, "{body}");
    }
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
}

#[tokio::test]
async fn what_is_refused_is_sent_again_before_what_came_later() {
    let server = WebServer::start(|before| Reply::Status(if before < 2 { [500, 404][before] } else { 204 })).await;
    let (webhooks, _telling) = telling(&app(&[server.address()], ""));
    webhooks.tell(miss(0));
    eventually("it is sent", || server.requests().len() == 1).await;
    webhooks.tell(miss(1));
    eventually("both are told", || server.requests().len() == 4).await;
    assert_eq!(told(&server), [names(0..1), names(0..1), names(0..1), names(1..2)]);
    let bodies = server.requests();
    assert!(bodies[0].body == bodies[1].body && bodies[1].body == bodies[2].body);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_when_it_is_there_and_the_log_has_no_url() {
    let (log, _guard) = Log::keep();
    let port = ReservedPort::new();
    let (webhooks, _telling) = telling(&app(&[port.address()], ""));
    webhooks.tell(miss(0));
    eventually("it is refused", || log.has("a webhook has not taken events, they are sent again")).await;
    let server = WebServer::listen(port.address(), |_| Reply::Status(200)).await;
    eventually("it is told", || told(&server) == [names(0..1)]).await;
    eventually("that is logged", || log.has("a webhook takes events again")).await;
    assert!(log.has("webhook=1 error=cannot connect") && !log.has("geheim") && !log.has("s3cret"));
}

#[tokio::test]
async fn a_webhook_that_hangs_does_not_hold_up_another() {
    let (hanging, good) = (WebServer::start(|_| Reply::Never).await, taking().await);
    let (webhooks, telling) = telling(&app(&[hanging.address(), good.address()], ""));
    for number in 0..3 {
        webhooks.tell(miss(number));
        eventually("it is told", || told(&good).concat().len() == number + 1).await;
        eventually("the other is asked", || !hanging.requests().is_empty()).await;
    }
    assert_eq!(told(&hanging), [names(0..1)], "it waits for the answer");
    let (log, _guard) = Log::keep();
    within("the end", telling.end(Instant::now())).await.expect("no failure");
    assert!(log.has("webhook=1 events=3") && !log.has("webhook=2"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_waited_for_a_short_time() {
    let server = WebServer::start(|before| if before == 0 { Reply::Never } else { Reply::Status(200) }).await;
    let (webhooks, telling) = telling(&app(&[server.address()], ""));
    let began = Instant::now();
    webhooks.tell(miss(0));
    eventually("it is sent again", || server.requests().len() >= 2).await;
    assert!(began.elapsed() >= ANSWER_TIMEOUT);
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
}

#[tokio::test(start_paused = true)]
async fn after_five_minutes_it_is_given_up() {
    let (log, _guard) = Log::keep();
    let server = WebServer::start(|_| Reply::Status(503)).await;
    let (webhooks, _telling) = telling(&app(&[server.address()], ""));
    webhooks.tell(miss(0));
    let began = Instant::now();
    eventually("it is sent", || !server.requests().is_empty()).await;
    // These wait behind it.
    (1..=MAX_EVENTS).for_each(|number| webhooks.tell(miss(number)));
    let lost = || log.has("events=1 others=0 error=the answer has status 503 Service Unavailable");
    let given_up = async {
        while !lost() {
            // The clock of this test stands still otherwise.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(MAX_AGE * 2, given_up).await.expect("it is given up");
    assert!(began.elapsed() >= MAX_AGE && began.elapsed() < MAX_AGE + Duration::from_secs(30));
    let tries = server.requests().len();
    assert!((40..=120).contains(&tries), "{tries} tries");
    let told_before = told(&server).len();
    webhooks.tell(miss(1000));
    eventually("what is new is sent", || {
        told(&server)[told_before..].iter().any(|names| names.contains(&"cache-1000".to_owned()))
    })
    .await;
}

#[tokio::test]
async fn what_has_no_room_is_dropped_and_counted() {
    let (log, _guard) = Log::keep();
    let server = taking().await;
    let webhooks = Webhooks::default();
    webhooks.change(Some(&app(&[server.address()], "webhook_event=client_event")));
    let large = |number: usize| Happened::ClientEvent {
        channel: channel(&format!("private-{number}")),
        event: "client-x".into(),
        data: "x".repeat(1024 * 1024).into(),
        client: "1.1".to_owned(),
        user: None,
    };
    (0..20).for_each(|number| webhooks.tell(large(number)));
    let telling = Telling::start(webhooks.clone(), &CancellationToken::new());
    eventually("those with room are told", || server.requests().len() == 7).await;
    assert!(log.has("events=13 others=0"), "it says how many are missing");
    assert_eq!(told(&server).concat(), (0..7).map(|number| format!("private-{number}")).collect::<Vec<_>>());
    webhooks.tell(large(20));
    eventually("there is room again", || server.requests().len() == 8).await;
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
}

/// A task whose webhooks keep what they get.
fn collecting(more: &str) -> (Webhooks, Task) {
    let webhooks = Webhooks::default();
    webhooks.change(Some(&app(&["127.0.0.1:1".parse().expect("an address")], more)));
    let task = Task::new(webhooks.clone(), CancellationToken::new());
    task.abandon.cancel();
    (webhooks, task)
}

fn collected(task: &Task) -> Vec<(String, String)> {
    let parsed = |text: &[u8]| serde_json::from_slice::<Value>(text).expect("JSON");
    let event = |event: Value| {
        let text = |key: &str| event[key].as_str().expect("a text").to_owned();
        (text("name"), text("channel"))
    };
    task.receivers[0].waiting().iter().map(|text| event(parsed(text))).collect()
}

#[tokio::test]
async fn what_waits_for_one_webhook_is_bounded() {
    let (log, _guard) = Log::keep();
    let (webhooks, mut task) = collecting("");
    for number in 0..200_000 {
        webhooks.tell(miss(number));
        task.take();
    }
    let kept = collected(&task).len();
    assert!((50_000..200_000).contains(&kept), "{kept} events");
    assert!(log.has("webhook=1 others=0") && log.has("too many wait for it already"));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_empty_for_a_moment_is_told_neither_vacated_nor_occupied() {
    let (webhooks, mut task) = collecting("");
    let (a, b) = (channel("a"), channel("b"));
    for happened in [
        Happened::Occupied(a.clone()),
        Happened::Vacated(a.clone()),
        Happened::Occupied(a.clone()),
        Happened::Occupied(b.clone()),
        Happened::Vacated(b.clone()),
    ] {
        webhooks.tell(happened);
    }
    task.take();
    let occupied = |name: &str| ("channel_occupied".to_owned(), name.to_owned());
    assert_eq!(collected(&task), [occupied("a"), occupied("b")]);
    let began = Instant::now();
    assert_eq!((task.vacated.next().await, began.elapsed()), (b.clone(), vacated::DELAY));
    webhooks.tell(Happened::Occupied(b));
    task.take();
    assert_eq!(collected(&task)[2..], [occupied("b")]);
}

#[test]
fn nothing_is_taken_that_nobody_wants() {
    let webhooks = Webhooks::default();
    let waiting = || webhooks.take(10).0;
    let (to_user, a) = (channel("#server-to-user-7"), channel("a"));
    webhooks.tell(Happened::Occupied(a.clone()));
    webhooks.change(Some(&app(&[], "webhook_event=channel_occupied")));
    webhooks.tell(Happened::Occupied(a.clone()));
    assert!(waiting().is_empty(), "there is nobody");
    webhooks.change(Some(&app(&["127.0.0.1:1".parse().expect("an address")], "webhook_event=channel_occupied")));
    for happened in [Happened::CacheMiss(a.clone()), Happened::Occupied(to_user.clone()), Happened::Vacated(to_user)] {
        webhooks.tell(happened);
    }
    assert!(waiting().is_empty());
    assert!(webhooks.wants(WebhookEvent::ChannelOccupied) && !webhooks.wants(WebhookEvent::CacheMiss));
    webhooks.tell(Happened::Vacated(a.clone()));
    assert_eq!(waiting(), [Happened::Vacated(a)], "by it is known what is occupied anew");
    webhooks.change(None);
    assert!(!webhooks.wants(WebhookEvent::ChannelOccupied));
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let server = taking().await;
    let (webhooks, telling) = telling(&app(&[server.address()], "webhook_event=channel_vacated"));
    webhooks.tell(Happened::Occupied(channel("a")));
    webhooks.tell(Happened::Vacated(channel("a")));
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
    let body: Value = serde_json::from_str(&server.requests()[0].body).expect("JSON");
    assert_eq!(body["events"], json!([{"name": "channel_vacated", "channel": "a"}]), "the end waits for no time");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn at_the_end_what_waits_is_tried_once() {
    let (log, _guard) = Log::keep();
    let server = WebServer::start(|_| Reply::Status(500)).await;
    let (webhooks, telling) = telling(&app(&[server.address()], ""));
    webhooks.tell(miss(0));
    eventually("it is refused", || log.has("they are sent again")).await;
    (1..=MAX_EVENTS + 1).for_each(|number| webhooks.tell(miss(number)));
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
    let last = told(&server).pop().expect("a request");
    assert_eq!(last, names(MAX_EVENTS + 1..MAX_EVENTS + 2));
    assert!(log.has("webhook=1 events=102") && log.has("a webhook is not told of the last events"));
}

#[tokio::test]
async fn other_settings_are_taken_at_once_and_what_waits_for_a_webhook_that_goes_is_tried() {
    let (before, after) = (taking().await, taking().await);
    let (webhooks, telling) = telling(&app(&[before.address()], ""));
    webhooks.tell(miss(0));
    eventually("it is told", || told(&before).len() == 1).await;
    webhooks.tell(miss(1));
    let other: PusherApp =
        format!("id=1 key=new-key secret=n3w webhook=http://{}", after.address()).parse().expect("one");
    webhooks.tell(miss(2));
    tokio::task::yield_now().await;
    webhooks.change(Some(&other));
    webhooks.tell(miss(3));
    eventually("the new one is told", || told(&after).concat().contains(&"cache-3".to_owned())).await;
    let request = after.requests().pop().expect("a request");
    assert_eq!(request.header("x-pusher-key"), Some("new-key"));
    assert_eq!(request.header("x-pusher-signature"), Some(&*other.sign(request.body.as_bytes())));
    within("the end", telling.end(Instant::now() + GRACE)).await.expect("no failure");
    assert_eq!([told(&before).concat(), told(&after).concat()].concat(), names(0..4));
}
