//! Which boot of the system this is. What was written and not synced is there as long as the system runs.

use std::fs;

use tracing::warn;

use super::header::MAX_BOOT_ID_BYTES;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The id of this boot. Where the system does not tell, one that is never the same again.
pub(super) fn id() -> String {
    #[cfg(test)]
    if let Some(id) = super::testing::BOOT.with_borrow(Clone::clone) {
        return id;
    }
    let read = fs::read_to_string(BOOT_ID);
    match read.as_deref().map(str::trim) {
        Ok(id) if !id.is_empty() && id.len() <= MAX_BOOT_ID_BYTES => id.to_owned(),
        read => {
            let error = read.err().map_or_else(|| "it is no id".to_owned(), ToString::to_string);
            warn!(
                path = BOOT_ID, %error,
                "cannot tell which boot of the system this is: after a crash history begins anew (with systemd, leave out \
                 ProcSubset=pid)"
            );
            format!("unknown-{:016x}", rand::random::<u64>())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_id_stays_the_same() {
        assert_eq!(super::id(), super::id());
        assert_eq!(super::id().len(), 36);
    }
}
