//! [`KeyKeeper`]: looks after the files of keys and certificates, and reads them again when they change.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ballotbox_actors::kit::{Actor, Address, Mailbox, Wake, clock, off_thread};

use super::{
    Material, TlsFileError, TlsSettings,
    file_watch::{FileStamp, FileStamps, FileWatch},
    material::read_material,
};

/// Between two looks at the files. Certificates are renewed days before they end.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a [`KeyKeeper`] tells its parent.
#[derive(Clone, Debug)]
pub enum KeyReport {
    /// The files have changed, or can be read again: this is what counts from now on.
    Reloaded(Box<Material>),
    /// The files have changed and cannot be used: what was read before still counts.
    ReloadFailed(TlsFileError),
}

/// Looks at the files every [`LOOK_EVERY`], and tells its parent what has come of them.
#[derive(Debug)]
pub struct KeyKeeper<P> {
    settings: Arc<TlsSettings>,
    /// What counts.
    material: Material,
    watch: FileWatch,
    every: Duration,
    parent: Address<P>,
}

impl<P> KeyKeeper<P> {
    /// The keeper of the files of these settings, out of which came `material`. What has changed since then it finds at its first look.
    pub fn new(settings: TlsSettings, material: Material, parent: Address<P>) -> Self {
        let settings = Arc::new(settings);
        Self { settings, material, watch: FileWatch::default(), every: LOOK_EVERY, parent }
    }
}

impl<P: From<KeyReport> + Send + 'static> Actor for KeyKeeper<P> {
    type Msg = Infallible;
    type Output = ();
    type Error = Infallible;

    async fn run(mut self, mut mailbox: Mailbox<Infallible>) -> Result<(), Infallible> {
        loop {
            match mailbox.next_until(Some(clock::now() + self.every)).await {
                Wake::Due => self.look().await,
                Wake::Closed => return Ok(()),
            }
        }
    }
}

impl<P: From<KeyReport>> KeyKeeper<P> {
    async fn look(&mut self) {
        let settings = Arc::clone(&self.settings);
        let now = off_thread(move || stamps(&settings)).await;
        if !self.watch.look(now) {
            return;
        }
        let settings = Arc::clone(&self.settings);
        match off_thread(move || read_material(&settings)).await {
            Ok(material) => {
                let had_failed = self.watch.note_read();
                if had_failed || material != self.material {
                    self.material = material.clone();
                    self.tell(KeyReport::Reloaded(Box::new(material)));
                }
            }
            Err(error) => {
                if self.watch.note_failed() {
                    self.tell(KeyReport::ReloadFailed(error));
                }
            }
        }
    }

    fn tell(&self, report: KeyReport) {
        // A parent that has ended ends us as well.
        let _ = self.parent.tell(report.into());
    }
}

fn stamps(settings: &TlsSettings) -> FileStamps {
    let stamp = |path: &std::path::Path| Some(FileStamp::from(&path.metadata().ok()?));
    settings.files().into_iter().map(|path| (path.to_owned(), stamp(path))).collect()
}

#[cfg(test)]
mod tests;
