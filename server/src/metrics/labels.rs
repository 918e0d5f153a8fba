//! The values of labels.

/// Why somebody was not let in, or may not have what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// There is no token, or one that is not valid.
    NotAuthenticated,
    /// The token has ended.
    TokenExpired,
    /// It is known who it is, and that is not enough.
    NotAllowed,
    /// The hook has said no.
    HookDenied,
    /// The hook gave no answer that could be understood, or none in time.
    HookFailed,
    /// Too many questions wait for the hook.
    HookBusy,
}

impl AuthFailure {
    /// All of them, in their order.
    pub const ALL: [AuthFailure; 6] = [
        AuthFailure::NotAuthenticated,
        AuthFailure::TokenExpired,
        AuthFailure::NotAllowed,
        AuthFailure::HookDenied,
        AuthFailure::HookFailed,
        AuthFailure::HookBusy,
    ];

    /// As the label `reason` has it.
    pub fn label(self) -> &'static str {
        match self {
            AuthFailure::NotAuthenticated => "not_authenticated",
            AuthFailure::TokenExpired => "token_expired",
            AuthFailure::NotAllowed => "not_allowed",
            AuthFailure::HookDenied => "hook_denied",
            AuthFailure::HookFailed => "hook_failed",
            AuthFailure::HookBusy => "hook_busy",
        }
    }
}
