//! [`KeyKeeper`]: looks after the files of keys and certificates, and reads them again when they change.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ballotbox_actors::{
    kit::{Actor, Address, Mailbox, Wake, clock, off_thread},
    socket::tls::{Material, Tls},
};
use ballotbox_core::UntrustedText;

use super::{
    CertificateNews, NodeTls, TlsSettings,
    end_watch::EndWatch,
    file_watch::{FileStamp, FileStamps, FileWatch},
    material::read_material,
    node_tls::credentials,
};

/// Between two looks at the files. Certificates are renewed days before they end.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks at the files every [`LOOK_EVERY`], has connections use what is in them, and tells its parent what has come of it; and how near the
/// end of the certificate is.
#[derive(Debug)]
pub(crate) struct KeyKeeper<P> {
    settings: Arc<TlsSettings>,
    tls: Tls,
    /// What counts.
    material: Material,
    watch: FileWatch,
    end: EndWatch,
    every: Duration,
    parent: Address<P>,
}

impl<P> KeyKeeper<P> {
    /// The keeper of the files out of which this came. What has changed since then it finds at its first look.
    pub(crate) fn new(tls: NodeTls, parent: Address<P>) -> Self {
        let NodeTls { tls, settings, material } = tls;
        let (watch, end) = (FileWatch::default(), EndWatch::default());
        Self { settings: Arc::new(settings), tls, material, watch, end, every: LOOK_EVERY, parent }
    }
}

impl<P: From<CertificateNews> + Send + 'static> Actor for KeyKeeper<P> {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        loop {
            if let Some(news) =
                self.end.look(self.tls.certificate().not_after, clock::time_of_day())
            {
                self.tell(news);
            }
            match mailbox.next_until(Some(clock::now() + self.every)).await {
                Wake::Due if self.settings.reload => self.look().await,
                Wake::Due => {}
                Wake::Closed => return Ok(()),
            }
        }
    }
}

impl<P: From<CertificateNews>> KeyKeeper<P> {
    async fn look(&mut self) {
        let settings = Arc::clone(&self.settings);
        let now = off_thread(move || stamps(&settings)).await;
        if !self.watch.look(now) {
            return;
        }
        let settings = Arc::clone(&self.settings);
        let read = off_thread(move || {
            let (material, _) = read_material(&settings).map_err(UntrustedText::new)?;
            let credentials =
                credentials(material.clone(), &settings).map_err(UntrustedText::new)?;
            Ok((material, credentials))
        });
        match read.await {
            Ok((material, credentials)) => {
                let had_failed = self.watch.note_read();
                if had_failed || material != self.material {
                    self.material = material;
                    let certificate = credentials.certificate();
                    let until = certificate.not_after;
                    let certificate = UntrustedText::new(certificate);
                    self.tls.renew(credentials);
                    self.tell(CertificateNews::Renewed { certificate, until });
                }
            }
            Err(cause) => {
                if self.watch.note_failed() {
                    self.tell(CertificateNews::NotRenewed { cause });
                }
            }
        }
    }

    fn tell(&self, news: CertificateNews) {
        // A parent that has ended ends us as well.
        let _ = self.parent.tell(news.into());
    }
}

fn stamps(settings: &TlsSettings) -> FileStamps {
    let stamp = |path: &std::path::Path| Some(FileStamp::from(&path.metadata().ok()?));
    settings.files().into_iter().map(|path| (path.to_owned(), stamp(path))).collect()
}

#[cfg(test)]
mod tests;
