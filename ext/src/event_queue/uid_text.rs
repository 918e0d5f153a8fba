//! Uids as PHP gets them.

use std::fmt::Display;
use std::io::Write;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::types::{ZendHashTable, ZendStr, Zval};
use queue::Uid;

use crate::json::Refusal;

/// Bytes of a UUID as text.
const LENGTH: usize = 36;

/// A uid as text. It owns no memory, so that a jump of the engine cannot leak any.
pub(super) struct UidText([u8; LENGTH]);

impl UidText {
    /// The uid that something begins with.
    pub(super) fn new(source: &dyn Display) -> UidText {
        let mut text = [b'0'; LENGTH];
        // What does not fit is the suffix of an entry's name.
        let _ = write!(&mut text[..], "{source}");
        UidText(text)
    }

    /// The text of a uid. Faster than formatting it.
    pub(super) fn of(uid: Uid) -> UidText {
        UidText(uid.to_bytes_of_text())
    }

    /// Makes a string of PHP.
    pub(super) fn copy_to(&self, value: &mut Zval) {
        value.set_zend_string(ZendStr::new(self.0, false));
    }

    /// Makes a list of PHP.
    pub(super) fn list(count: usize, uid: impl Fn(usize) -> Option<Uid>) -> Result<ZBox<ZendHashTable>, Refusal> {
        let mut list = ZendHashTable::with_capacity(u32::try_from(count).unwrap_or(0));
        for uid in (0..count).filter_map(uid) {
            let mut text = Zval::new();
            UidText::of(uid).copy_to(&mut text);
            list.push(text).map_err(|error| Refusal::Reason(format!("no list of uids: {error}")))?;
        }
        Ok(list)
    }
}
