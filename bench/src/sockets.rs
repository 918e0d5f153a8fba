//! What the kernel says of TCP connections of this machine.

use anyhow::Context;

/// The state of a connection that neither side has closed.
const ESTABLISHED: &str = "01";

/// One end of a connection.
#[derive(Debug)]
struct End {
    local_port: u16,
    remote_port: u16,
    is_established: bool,
    /// Bytes in its send and receive queues.
    held: u64,
}

/// Bytes in the send and receive queues of all connections to a port of this machine, on both ends.
pub(crate) fn held_by_kernel(port: u16) -> anyhow::Result<u64> {
    Ok(ends()?.filter(|end| end.local_port == port || end.remote_port == port).map(|end| end.held).sum())
}

/// Whether a server has not closed its connection with a client, by their ports.
pub(crate) fn is_open(server: u16, client: u16) -> anyhow::Result<bool> {
    Ok(ends()?.any(|end| end.local_port == server && end.remote_port == client && end.is_established))
}

/// The ends of all connections.
fn ends() -> anyhow::Result<impl Iterator<Item = End>> {
    let text = std::fs::read_to_string("/proc/net/tcp")?;
    let ends = text.lines().skip(1).map(parse).collect::<anyhow::Result<Vec<_>>>().context("/proc/net/tcp")?;
    // A socket that listens has no other side.
    Ok(ends.into_iter().filter(|end| end.remote_port != 0))
}

fn parse(line: &str) -> anyhow::Result<End> {
    let mut fields = line.split_whitespace().skip(1);
    let mut next = || fields.next().with_context(|| format!("a field is missing in {line:?}"));
    let (local, remote, state, queues) = (next()?, next()?, next()?, next()?);
    let port = |address: &str| -> anyhow::Result<u16> {
        let (_, port) = address.split_once(':').context("no port")?;
        Ok(u16::from_str_radix(port, 16)?)
    };
    let (sending, receiving) = queues.split_once(':').context("no queues")?;
    Ok(End {
        local_port: port(local)?,
        remote_port: port(remote)?,
        is_established: state == ESTABLISHED,
        held: u64::from_str_radix(sending, 16)? + u64::from_str_radix(receiving, 16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_one_end() {
        let line = "   1: 0100007F:1F91 0100007F:C350 04 00000010:00000002 00:00000000 00000000     0        0 1 1 0";
        let End { local_port, remote_port, is_established, held } = parse(line).expect("an end");
        assert_eq!((local_port, remote_port, is_established, held), (0x1f91, 0xc350, false, 18));
    }
}
