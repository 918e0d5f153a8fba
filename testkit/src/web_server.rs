//! A small web server that keeps what it is asked: for what sends requests by itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::certificate::Certificate;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct WebRequest {
    /// The request line and the headers.
    pub head: String,
    /// The body, by its `Content-Length`.
    pub body: String,
}

/// What a request is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// This status, and no body.
    Status(u16),
    /// Nothing, and the connection stays open.
    Never,
}

/// The server. It ends with the value.
pub struct WebServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<WebRequest>>>,
    running: JoinHandle<()>,
}

impl WebRequest {
    /// The value of a header; its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl WebServer {
    /// Starts on a port of its own. `reply` gets how many requests there were before.
    pub async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> WebServer {
        WebServer::listen("127.0.0.1:0".parse().unwrap(), reply).await
    }

    /// The same with TLS.
    pub async fn start_tls(
        certificate: &Certificate,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> WebServer {
        let chain = CertificateDer::pem_file_iter(certificate.path("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(certificate.path("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        WebServer::serve("127.0.0.1:0".parse().unwrap(), Some(acceptor), reply).await
    }

    /// The same on an address.
    pub async fn listen(address: SocketAddr, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> WebServer {
        WebServer::serve(address, None, reply).await
    }

    async fn serve(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> WebServer {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, reply) = (requests.clone(), Arc::new(reply));
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, reply, tls) = (kept.clone(), reply.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, &kept, &*reply).await,
                        // A client that does not trust it goes away.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &kept, &*reply).await;
                            }
                        }
                    }
                });
            }
        });
        WebServer { address, requests, running }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<WebRequest> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    kept: &Mutex<Vec<WebRequest>>,
    reply: &(dyn Fn(usize) -> Reply + Send + Sync),
) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let mut request = WebRequest { head: String::from_utf8(bytes[..head].to_vec()).unwrap(), body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    request.body = String::from_utf8(bytes.split_off(head)).unwrap();
    let count = {
        let mut kept = kept.lock().unwrap();
        kept.push(request);
        kept.len() - 1
    };
    match reply(count) {
        Reply::Status(status) => {
            let text = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // Who does not wait for it has no use for it.
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Reply::Never => while stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {},
    }
}
