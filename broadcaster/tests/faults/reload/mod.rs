//! SIGHUP: a running broadcaster takes other settings, says which need a restart, and takes none of a file with a mistake.

mod admitting;
mod costs;
mod entrance;
mod history;
mod keys;
mod load;
mod operators;
mod pusher;
mod rights;
mod stage;

use stage::Stage;

/// Tests of settings that take effect at a reload, each named after its setting, and the list of their names.
macro_rules! take_effect {
    ($($key:ident($stage:ident) $body:block)*) => {
        /// The settings of which it is tested here.
        pub(super) const TESTED: &[&str] = &[$(stringify!($key)),*];
        $(
            #[test]
            fn $key() {
                let mut $stage = super::Stage::new();
                $body
            }
        )*
    };
}
use take_effect;
