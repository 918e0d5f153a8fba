//! The status page: one file. What of it a browser may run is named by its hashes, so nothing else that gets into the
//! page is run.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

const PAGE: &str = include_str!("status.html");

static POLICY: LazyLock<String> = LazyLock::new(|| policy(PAGE));

/// `GET /status`
pub(super) async fn page() -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY.as_str())];
    (headers, PAGE).into_response()
}

fn policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src{}; style-src{}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hashes(page, "script"),
        hashes(page, "style")
    )
}

/// The hash of the content of each of these elements.
fn hashes(page: &str, element: &str) -> String {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let contents = page.split(&start).skip(1).filter_map(|rest| rest.split_once(&end));
    let hashes: String = contents
        .map(|(content, _)| format!(" 'sha256-{}'", BASE64.encode(digest(&SHA256, content.as_bytes()).as_ref())))
        .collect();
    if hashes.is_empty() { " 'none'".to_owned() } else { hashes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_hashes_of_what_is_in_the_page() {
        // As `printf alert(1) | openssl dgst -sha256 -binary | base64` has it.
        let policy = policy("<style>a{}</style><script>alert(1)</script><p onclick=\"x()\">");
        assert!(policy.contains("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';"), "{policy}");
        assert!(policy.contains("style-src 'sha256-") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(super::policy("<p>").contains("script-src 'none'; style-src 'none'"));
    }

    #[test]
    fn nothing_in_the_page_is_beside_its_policy() {
        assert!(PAGE.contains("<script>") && PAGE.contains("<style>"));
        for beside in ["<script ", "<style ", " style=", " onclick=", " onload=", "javascript:", "http://", "https://"]
        {
            let found = PAGE
                .match_indices(beside)
                .map(|(at, _)| &PAGE[at..])
                .find(|rest| !rest.starts_with("http://www.w3.org/"));
            assert!(found.is_none(), "{beside} is refused by the policy: {:.80}", found.unwrap_or_default());
        }
    }
}
