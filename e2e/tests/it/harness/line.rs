//! The network between clients and a server: it can be cut, and it can be silent.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    /// Connections end, and none is made.
    Cut,
    /// Nothing arrives, and nobody is told.
    Silent,
}

pub(crate) struct Line {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepting: AbortHandle,
}

impl Line {
    /// One to a server, which may not run yet.
    pub(crate) async fn to(server: SocketAddr) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, changes) = watch::channel(State::Works);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, server, changes.clone()));
            }
        });
        Line { address, state, accepting: accepting.abort_handle() }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and every new one.
    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets nothing through any more, as where a cable is pulled somewhere.
    pub(crate) fn fall_silent(&self) {
        self.state.send_replace(State::Silent);
    }

    /// Lets new connections through. Those of before are over.
    pub(crate) fn mend(&self) {
        self.state.send_replace(State::Works);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
        // Its connections end.
        self.state.send_replace(State::Cut);
    }
}

async fn connection(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let is_working = *state.borrow() == State::Works;
    if is_working {
        // Nothing answers while no server runs.
        let Ok(mut server) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = state.wait_for(|state| *state != State::Works) => {}
        }
        // The server's side is open as long as the client's.
        let _ = state.wait_for(|state| *state != State::Silent).await;
        return;
    }
    let _ = state.wait_for(|state| *state != State::Silent).await;
}
