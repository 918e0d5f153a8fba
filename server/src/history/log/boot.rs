//! Which boot of the system this is. What was written and not synced is there as long as the system runs.

use std::fs;

use super::header::MAX_BOOT_ID_BYTES;

/// The id of this boot. Where the system does not tell, one that is never the same again.
pub(super) fn id() -> String {
    #[cfg(test)]
    if let Some(id) = super::testing::BOOT.with_borrow(Clone::clone) {
        return id;
    }
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match id.trim() {
        id if !id.is_empty() && id.len() <= MAX_BOOT_ID_BYTES => id.to_owned(),
        _ => format!("unknown-{:016x}", rand::random::<u64>()),
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
