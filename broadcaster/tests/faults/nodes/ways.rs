//! Ways to Redis that break at a chosen point of a conversation. [`testkit::FaultyProxy`] breaks at a chosen moment.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Requests that add events are longer than this, and others are not.
const SHORT_REQUEST: usize = 4096;
/// Those that add a thousand are longer than this.
const LONG_REQUEST: usize = 200_000;
/// So long after its last byte, a request is whole.
const SILENCE: Duration = Duration::from_millis(300);

/// Keeps a request that adds many events, on its way to the server, until it is released. The connection then brings no
/// answer and ends.
pub(super) struct Late {
    pub(super) address: SocketAddr,
    held: Arc<Mutex<Option<Held>>>,
}

/// A request, and both ends of its connection.
struct Held {
    request: Vec<u8>,
    client: TcpStream,
    server: TcpStream,
}

impl Late {
    pub(super) fn start(server: SocketAddr) -> Late {
        let held = Arc::<Mutex<Option<Held>>>::default();
        let (keeps, has_kept) = (held.clone(), Arc::new(AtomicBool::new(false)));
        let address = serve(server, move |client, server| {
            let is_silent = Arc::new(AtomicBool::new(false));
            let (answers, asker) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let is_heard = is_silent.clone();
            thread::spawn(move || pass(answers, asker, |_| !is_heard.load(Ordering::SeqCst)));
            let (keeps, has_kept) = (keeps.clone(), has_kept.clone());
            thread::spawn(move || {
                if let Some(held) = pass_up_to_long(client, server, &has_kept) {
                    is_silent.store(true, Ordering::SeqCst);
                    *keeps.lock().unwrap() = Some(held);
                }
            });
        });
        Late { address, held }
    }

    pub(super) fn has_held(&self) -> bool {
        self.held.lock().unwrap().is_some()
    }

    /// Ends the connection for the client only.
    pub(super) fn end_client(&self) {
        self.held.lock().unwrap().as_ref().expect("a request").client.shutdown(Shutdown::Both).unwrap();
    }

    /// Lets the server have the request.
    pub(super) fn release(&self) {
        let Held { request, mut server, .. } = self.held.lock().unwrap().take().expect("a request");
        server.write_all(&request).unwrap();
    }
}

/// Passes requests on, up to the first that is long and was not kept on another connection.
fn pass_up_to_long(mut client: TcpStream, mut server: TcpStream, has_kept: &AtomicBool) -> Option<Held> {
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let mut request = buffer[..read].to_vec();
        if read > SHORT_REQUEST && !has_kept.load(Ordering::SeqCst) {
            // More events wait meanwhile for the next.
            client.set_read_timeout(Some(SILENCE)).unwrap();
            while let Ok(read @ 1..) = client.read(&mut buffer) {
                request.extend_from_slice(&buffer[..read]);
            }
            client.set_read_timeout(None).unwrap();
            if request.len() > LONG_REQUEST && !has_kept.swap(true, Ordering::SeqCst) {
                return Some(Held { request, client, server });
            }
        }
        if server.write_all(&request).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    None
}

/// Listens, and connects who comes. The threads end with their connections, or with the test.
pub(super) fn serve(server: SocketAddr, connect: impl Fn(TcpStream, TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            connect(client.unwrap(), TcpStream::connect(server).unwrap());
        }
    });
    address
}

/// Passes on what comes, as long as it is to go on.
pub(super) fn pass(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(usize) -> bool) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !goes_on(read) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
