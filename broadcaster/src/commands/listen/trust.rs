//! Whose certificates are accepted.

use std::io;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whose certificates are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trust {
    /// Those of whom the system trusts.
    #[default]
    System,
    /// Any: who answers is not known, and may be somebody else.
    Anybody,
}

impl Trust {
    pub(crate) fn settings(self) -> anyhow::Result<ClientConfig> {
        // It fails only if a provider is set already, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        match self {
            Trust::System => Ok(ClientConfig::builder().with_root_certificates(roots()?).with_no_client_auth()),
            Trust::Anybody => {
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let verifier = Arc::new(AcceptAll(provider));
                let builder = ClientConfig::builder().dangerous().with_custom_certificate_verifier(verifier);
                Ok(builder.with_no_client_auth())
            }
        }
    }
}

fn roots() -> anyhow::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let problems = found.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(io::Error::new(io::ErrorKind::NotFound, problems))
            .context("this system trusts nobody: name a file of certificates in the variable SSL_CERT_FILE");
    }
    Ok(roots)
}

/// Takes every certificate. What the server signs must still be signed with the key of the one that it shows.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
