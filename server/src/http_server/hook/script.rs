//! Running a script of this machine by a FastCGI server, for code outside that asks php-fpm about itself.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::over_fastcgi::ask;
use super::records::push_param;
use super::url::{Endpoint, Socket};

/// What the script has written, with its headers. It gets nothing but its name.
///
/// # Errors
/// When nobody answers in time, or what answers is no FastCGI server, in words for operators.
pub async fn run_script(server: Endpoint<'_>, script: &Path, limit: Duration) -> Result<Vec<u8>, String> {
    let socket = match server {
        Endpoint::Unix(path) => Socket::Unix(path.to_owned()),
        Endpoint::Tcp(host, port) => Socket::Tcp(host.to_owned(), port),
    };
    let (script, directory) = (script.to_string_lossy(), script.parent().unwrap_or(script).to_string_lossy());
    let mut params = Vec::new();
    for (name, value) in [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "fastapi-broadcaster"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_FILENAME", &script),
        ("SCRIPT_NAME", "/doctor.php"),
        ("DOCUMENT_ROOT", &directory),
        ("REQUEST_URI", "/doctor.php"),
        ("QUERY_STRING", ""),
        ("REDIRECT_STATUS", "200"),
    ] {
        push_param(&mut params, name.as_bytes(), value.as_bytes());
    }
    match timeout(limit, ask(&socket, &params)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {limit:?}: perhaps all of its workers are busy")),
    }
}
