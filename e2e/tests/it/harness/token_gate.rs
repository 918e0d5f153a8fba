//! An admin listener as other machines would reach it: in front of one on the loopback, which needs no token for
//! reading, it asks for the token itself. So no test has to listen beyond the loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The page itself needs no token.
const OPEN: &str = "GET /status HTTP/1.1\r\n";
const REFUSAL: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

pub(crate) struct TokenGate {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl TokenGate {
    /// Starts one in front of an admin listener.
    pub(crate) async fn start(admin: SocketAddr, token: &str) -> TokenGate {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let token: Arc<str> = format!("\r\nauthorization: bearer {token}\r\n").into();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(pass(client, admin, token.clone()));
            }
        });
        TokenGate { address, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// One request a connection: a browser may leave, which is no mistake.
async fn pass(mut client: TcpStream, admin: SocketAddr, token: Arc<str>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    if !head.starts_with(OPEN) && !head.to_lowercase().contains(&*token) {
        let _ = client.write_all(REFUSAL.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(admin).await.unwrap();
    let head = head.replace("Connection: keep-alive", "Connection: close");
    if server.write_all(head.as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
