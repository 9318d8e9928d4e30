//! [`Tls`]: who we are to other members, and whom we believe to be one.
//!
//! A member shows a certificate, at either end of a connection, and looks at that of the other end twice: rustls says whether an
//! authority of ours has issued it and whether it is valid now; [`Identities`] says whose it is. That second look comes when the
//! other end has said who it is, so a member can speak for nobody but itself.
//!
//! # A refusal that comes late
//!
//! With TLS 1.3 the handshake of the end that has dialled is over before the other end has seen its certificate. So a dialler has
//! not reached anybody yet: `Secured::admitted` waits for what the other end says next, a session ticket or an alert, before
//! anything is said to it. Servers of ours and real ones send a ticket at once.
//!
//! # Sessions
//!
//! A session is resumed where both ends remember it, which spares the signatures. Whose certificate it was is remembered with
//! it; its validity and its names are looked at again each time. New credentials forget all sessions.

mod certificate;
mod credentials;
mod error;
mod secured;
#[cfg(test)]
mod tests;
mod trust;
mod verifier;

use std::sync::Arc;

use arc_swap::ArcSwap;
use ballotbox_core::{
    ServerId,
    identity::{Identities, NotProven, Proof},
};

#[doc(hidden)]
pub use self::secured::answered;
pub(super) use self::secured::{Raw, Secured};
use self::secured::{dialled, served, taken};
pub use self::{
    certificate::{Certificate, CertificateFault},
    credentials::{Credentials, CredentialsError, Material, Terms},
    error::TlsError,
    trust::Trust,
};
use super::TlsStage;

/// TLS among the members of an ensemble, as one of them sees it. All copies are one: what one of them is given, all have.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stage: TlsStage,
    identities: Identities,
    /// Connections that are made from now on use these.
    credentials: ArcSwap<Credentials>,
}

impl Tls {
    /// With these credentials, among these members.
    pub fn new(credentials: Credentials, stage: TlsStage, identities: Identities) -> Self {
        let credentials = ArcSwap::from_pointee(credentials);
        Self(Arc::new(Shared { stage, identities, credentials }))
    }

    /// New connections use these credentials; those there are stay as they are.
    pub fn renew(&self, credentials: Credentials) {
        self.0.credentials.store(Arc::new(credentials));
    }

    /// What we show just now.
    pub fn certificate(&self) -> Certificate {
        self.0.credentials.load().certificate().clone()
    }

    /// Whether others will believe that what we show just now is the certificate of member `me`.
    ///
    /// # Errors
    ///
    /// [`NotProven`], when they will not.
    pub fn own_proof(&self, me: ServerId) -> Result<Proof, Box<NotProven>> {
        self.0.identities.prove(Some(me), &self.certificate().names)
    }

    /// How far the ensemble has come.
    pub fn stage(&self) -> TlsStage {
        self.0.stage
    }

    /// Whether we dial in TLS.
    pub fn is_spoken(&self) -> bool {
        self.0.stage != TlsStage::Taken
    }

    /// Whether plain text is taken as well.
    pub(crate) fn takes_plain(&self) -> bool {
        self.0.stage != TlsStage::Required
    }

    /// The handshake of one who dials this member, or somebody of whom the id is not known.
    pub(super) async fn dial(
        &self,
        socket: Raw,
        peer: Option<ServerId>,
    ) -> Result<Secured, TlsError> {
        let credentials = self.0.credentials.load_full();
        let secured = dialled(&credentials, socket, peer).await?;
        self.prove(&secured, peer)?;
        Ok(secured)
    }

    /// The handshake of one who was dialled.
    pub(super) async fn take(&self, socket: Raw) -> Result<Secured, TlsError> {
        let credentials = self.0.credentials.load_full();
        taken(&credentials, socket).await
    }

    /// The handshake of one who comes to a port that is for everybody.
    pub(super) async fn serve(&self, socket: Raw) -> Result<Secured, TlsError> {
        let credentials = self.0.credentials.load_full();
        served(&credentials, socket).await
    }

    /// Whether the other end may speak as `claimed`.
    pub(super) fn prove(
        &self,
        secured: &Secured,
        claimed: Option<ServerId>,
    ) -> Result<Proof, TlsError> {
        match secured.certificate() {
            Some(certificate) => Ok(self.0.identities.prove(claimed, &certificate.names)?),
            // A handshake without one succeeds only where none is demanded.
            None => Ok(Proof::LetIn),
        }
    }
}
