//! Plain HTTP requests, each on a connection of its own.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use testkit::within;
use tokio::net::TcpStream;

pub(crate) async fn get(address: SocketAddr, path: &str) -> (StatusCode, String) {
    request(address, Method::GET, path, "").await
}

pub(crate) async fn post_json(address: SocketAddr, path: &str, body: &str) -> (StatusCode, String) {
    request(address, Method::POST, path, body).await
}

pub(crate) async fn request(address: SocketAddr, method: Method, path: &str, body: &str) -> (StatusCode, String) {
    let answer = exchange(address, method, path, [], body).await;
    (answer.status, answer.body)
}

/// What a server has answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A request with further headers.
pub(crate) async fn exchange<'a>(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &str,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", address.to_string())
        .header("Content-Type", "application/json")
        .header("Connection", "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let (response, ended) = tokio::join!(
            async {
                let response = sender.send_request(request).await.expect("an HTTP answer");
                let (status, headers) = (response.status(), response.headers().clone());
                let body = response.into_body().collect().await.expect("a whole body").to_bytes();
                drop(sender);
                Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
            },
            connection
        );
        let _ = ended; // A server may reset the connection after its answer.
        response
    };
    within(&format!("the answer to {path}"), exchange).await
}
