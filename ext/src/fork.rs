//! What happens in a child when this process is forked: it becomes another [`crate::process::Process`], and keeps
//! nothing open of a server or of a journal of the parent.
#![allow(unsafe_code)]

use std::sync::Once;

use crate::{descriptor_limit, logging, process, server_descriptors};

static INSTALLED: Once = Once::new();

/// Lets the C library call us in each child. Called when PHP loads the library.
pub(crate) fn install() {
    INSTALLED.call_once(|| {
        // SAFETY: the handler does only what is allowed in a child of a process with several threads. The C library
        // forgets it when this library is unloaded.
        unsafe { libc::pthread_atfork(None, None, Some(begin_in_child)) };
    });
}

extern "C" fn begin_in_child() {
    process::begin_in_child();
    queue::close_segments_in_child();
    logging::abandon_in_child();
    server_descriptors::close_in_child();
    descriptor_limit::restore_in_child();
}
