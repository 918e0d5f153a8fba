//! The application of the Pusher protocol that was read again.

use testkit::{Reply, WebServer, until};
use tokio::runtime::Runtime;

use super::take_effect;
use crate::support::Client;

take_effect! {
    app(stage) {
        let runtime = Runtime::new().unwrap();
        let start = || runtime.block_on(WebServer::start(|_| Reply::Status(200)));
        let app = |key: &str, web: &WebServer| {
            let url = format!("http://{}/", web.address());
            format!("[{{ id = '1', key = '{key}', secret = 's', webhooks = ['{url}'] }}]")
        };
        let told = |web: &WebServer, key: &str, what: &str| {
            until(what, || web.requests().iter().any(|request| {
                request.header("x-pusher-key") == Some(key) && request.body.contains(what)
            }));
        };
        let (first, second) = (start(), start());
        stage.start(&[("public_channels", "['*']")]);
        let _before = Client::at(stage.address(), "/?channel=before");
        stage.reload(&[("app", &app("one", &first))]);
        let _a = Client::at(stage.address(), "/?channel=a");
        told(&first, "one", r#""channel":"a""#);
        stage.reload(&[("app", &app("two", &second))]);
        let _b = Client::at(stage.address(), "/?channel=b");
        told(&second, "two", r#""channel":"b""#);
        stage.reload(&[("app", "[]")]);
        let _c = Client::at(stage.address(), "/?channel=c");
        stage.broadcaster().stop();
        let all = [first.requests(), second.requests()].concat();
        assert!(!all.iter().any(|request| request.body.contains("before") || request.body.contains(r#":"c""#)));
    }
}
