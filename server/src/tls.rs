//! TLS towards servers that we connect to, Redis, the hook and webhooks: which certificates we trust, and our own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// Files of TLS, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Who signed the certificate of the server; those that the system trusts, if it is not there.
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate and its key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// Why there can be no TLS.
#[derive(Debug, Error)]
pub(crate) enum TlsFileError {
    #[error("cannot use {path}: {cause}", path = .path.display())]
    File { path: PathBuf, cause: String },
    #[error(
        "the system has no certificates to trust (install ca-certificates; the URL of Redis can name a file with ?ca=)"
    )]
    NoRoots,
}

/// The files are read anew for each connection: certificates are renewed while we run.
pub(crate) fn config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsFileError> {
    let roots = match &files.ca {
        Some(path) => own_roots(path)?,
        None => roots_of_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what these versions need")
        .with_root_certificates(roots);
    let Some((path, key_path)) = &files.own else { return Ok(Arc::new(config.with_no_client_auth())) };
    let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| refused(key_path, explained(&error)))?;
    let config = config.with_client_auth_cert(certificates(path)?, key);
    config.map(Arc::new).map_err(|error| refused(path, error.to_string()))
}

fn own_roots(path: &Path) -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| refused(path, error.to_string()))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(TlsFileError::NoRoots) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(refused(path, "there is no certificate in PEM in it".to_owned()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(refused(path, explained(&error))),
    }
}

fn explained(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(cause) => cause.to_string(),
        pem::Error::NoItemsFound => "there is no key in PEM in it".to_owned(),
        _ => "it is not valid PEM".to_owned(),
    }
}

fn refused(path: &Path, cause: String) -> TlsFileError {
    TlsFileError::File { path: path.to_owned(), cause }
}
