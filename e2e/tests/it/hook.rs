//! PHP's own session decides who connects: the example script under php-fpm, asked over FastCGI.

use std::fs;
use std::net::SocketAddr;

use hyper::{Method, StatusCode};
use serde_json::json;
use testkit::{Broadcaster, Client, QueueDir, eventually, within};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::harness::{Fpm, Nginx, Php, broadcaster, exchange, get, queue_dir};

const EXAMPLE: &str = "ws_auth.php";
/// A path on which the hook is not asked.
const OPEN: &str = "/open?channel=public.a";

/// Starts a broadcaster that asks a script, and the site of the same php-fpm.
async fn start(queue: &QueueDir, fpm: &Fpm, script: &str, args: &[&str]) -> (Broadcaster, Nginx) {
    let mut command = broadcaster::on(queue);
    command.arg("--auth-hook").arg(fpm.hook(script)).args(["--public-channels", "public.*"]).args(args);
    command.env("FASTAPI_WS_ROUTE", "/open require=none");
    let broadcaster = broadcaster::spawn(&mut command).await;
    let nginx = Nginx::start(&broadcaster, fpm).await;
    (broadcaster, nginx)
}

/// Logs in at the site, and returns the cookie.
async fn log_in(site: SocketAddr, user: u32) -> String {
    let answer = exchange(site, Method::GET, &format!("/api?login={user}"), [], "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Connects as a page of the broadcaster's host does.
async fn connect(address: SocketAddr, path: &str, cookie: &str) -> Client {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    request.headers_mut().insert("origin", format!("http://{address}").parse().unwrap());
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    Client::open(request).await
}

/// Asserts that the site answers.
async fn assert_site_answers(site: SocketAddr) {
    let (status, body) = within("a page of the site", get(site, "/api")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "a page"));
}

#[tokio::test]
async fn the_session_of_the_site_decides_who_connects() {
    let queue = queue_dir();
    let fpm = Fpm::start_with_hooks(&queue, 2).await;
    let (broadcaster, nginx) = start(&queue, &fpm, EXAMPLE, &[]).await;
    let address = broadcaster.address();
    assert_eq!(connect(address, "/", "a=b").await.close_code().await, 4401);
    let forged = "PHPSESSID=0123456789abcdef0123456789abcdef";
    assert_eq!(connect(address, "/", forged).await.close_code().await, 4401);
    let cookie = log_in(nginx.address(), 42).await;
    let mut client = connect(address, "/", &cookie).await;
    let welcome = client.json().await;
    assert_eq!(welcome["channels"], json!(["private-user.42"]), "{welcome}");
    // Channels of others are refused by what the script says.
    assert_eq!(connect(address, "/?channel=private-user.43", &cookie).await.close_code().await, 4403);
    Php::run("publish_one.php", &queue, ["private-user.42"]).await;
    assert_eq!(client.json().await["channel"], "private-user.42");
    let answer = exchange(nginx.address(), Method::GET, "/api?logout", [("Cookie", &*cookie)], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(connect(address, "/", &cookie).await.close_code().await, 4401);
}

#[tokio::test]
async fn nobody_gets_in_while_php_fpm_is_stopped_and_the_others_notice_nothing() {
    let queue = queue_dir();
    let mut fpm = Fpm::start_with_hooks(&queue, 2).await;
    let (broadcaster, nginx) = start(&queue, &fpm, EXAMPLE, &[]).await;
    let cookie = log_in(nginx.address(), 42).await;
    let mut client = connect(broadcaster.address(), "/", &cookie).await;
    client.json().await;
    fpm.stop().await;
    assert_eq!(connect(broadcaster.address(), "/", &cookie).await.close_code().await, 1013);
    assert_eq!(broadcaster.log_lines("auth_hook").len(), 1);
    Php::run("publish_one.php", &queue, ["private-user.42"]).await;
    assert_eq!(client.json().await["channel"], "private-user.42");
}

#[tokio::test]
async fn nobody_gets_in_while_the_script_hangs_and_the_site_goes_on() {
    let queue = queue_dir();
    let fpm = Fpm::start_with_hooks(&queue, 2).await;
    let args = ["--auth-hook-timeout-secs", "0.3", "--auth-hook-concurrency", "1"];
    let (broadcaster, nginx) = start(&queue, &fpm, "hook_hangs.php", &args).await;
    let mut clients = JoinSet::new();
    for _ in 0..10 {
        let address = broadcaster.address();
        clients.spawn(async move { connect(address, "/", "a=b").await.close_code().await });
    }
    assert_site_answers(nginx.address()).await;
    assert_eq!(within("all are answered", clients.join_all()).await, [1013; 10]);
    // Those that were given up have taken one worker, and no more.
    assert_site_answers(nginx.address()).await;
}

#[tokio::test]
async fn fifty_questions_to_two_workers_do_not_keep_the_site_from_answering() {
    let queue = queue_dir();
    let fpm = Fpm::start_with_hooks(&queue, 2).await;
    let (broadcaster, nginx) = start(&queue, &fpm, "hook_slow.php", &[]).await;
    let address = broadcaster.address();
    let mut connected = Client::connect(address, OPEN).await;
    connected.json().await;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        clients.spawn(async move {
            let mut client = connect(address, "/", "a=b").await;
            assert_eq!(client.json().await["channels"], json!(["public.a"]));
        });
    }
    let mut pages = 0;
    while clients.try_join_next().is_none_or(|ended| ended.is_ok()) && !clients.is_empty() {
        assert_site_answers(nginx.address()).await;
        pages += 1;
    }
    assert!(pages > 1, "{pages} pages while there were questions");
    within("all get in", clients.join_all()).await;
    Php::run("publish_one.php", &queue, ["public.a"]).await;
    assert_eq!(connected.json().await["channel"], "public.a");
}

#[tokio::test]
async fn a_session_that_a_long_request_holds_keeps_nobody_else_out() {
    let queue = queue_dir();
    let fpm = Fpm::start_with_hooks(&queue, 4).await;
    let args = ["--auth-hook-timeout-secs", "0.5", "--auth-hook-concurrency", "2"];
    let (broadcaster, nginx) = start(&queue, &fpm, EXAMPLE, &args).await;
    let (address, site) = (broadcaster.address(), nginx.address());
    let (held, other) = (log_in(site, 1).await, log_in(site, 2).await);
    let cookie = held.clone();
    let long =
        tokio::spawn(async move { exchange(site, Method::GET, "/api?hold", [("Cookie", &*cookie)], "").await.body });
    eventually("the request holds its session", || fpm.data("held").exists()).await;
    assert_eq!(connect(address, "/", &held).await.close_code().await, 1013);
    let mut client = connect(address, "/", &other).await;
    assert_eq!(client.json().await["channels"], json!(["private-user.2"]));
    assert_site_answers(site).await;
    fs::write(fpm.data("release"), "").unwrap();
    assert_eq!(long.await.unwrap(), "released");
    let mut client = connect(address, "/", &held).await;
    assert_eq!(client.json().await["channels"], json!(["private-user.1"]));
}
