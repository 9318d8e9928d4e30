use std::{fs, os::unix::fs::symlink};

use async_std::task::block_on;
use ballotbox_actors::kit::{Exit, mailbox, spawn};
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::{scratch::Scratch, tls::TlsFileProblem};

#[derive(Debug)]
enum Told {
    Keys(KeyReport),
    Ended(Exit<(), Infallible>),
}

impl From<KeyReport> for Told {
    fn from(report: KeyReport) -> Self {
        Self::Keys(report)
    }
}

/// A certificate that is its own authority, and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["zk1".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Puts a pair there as Kubernetes puts secrets: in a folder of its own, to which a link is swapped.
fn swap_in(scratch: &Scratch, folder: &str, (certificate, key): &(String, String)) {
    let (folder, new) = (scratch.join(folder), scratch.join("new-link"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("cert.pem"), certificate).unwrap();
    fs::write(folder.join("key.pem"), key).unwrap();
    symlink(&folder, &new).unwrap();
    fs::rename(new, scratch.join("data")).unwrap();
}

fn settings(scratch: &Scratch) -> TlsSettings {
    let (certificate, key) = (scratch.join("data/cert.pem"), scratch.join("data/key.pem"));
    TlsSettings::from_pem(&certificate, key, &certificate)
}

#[test]
fn a_new_pair_is_told_and_half_of_one_is_not_taken() {
    let scratch = Scratch::new();
    let (first, second, third) = (pair(), pair(), pair());
    swap_in(&scratch, "1", &first);
    let settings = settings(&scratch);
    let material = read_material(&settings).unwrap();
    block_on(async {
        let (parent, mut told) = mailbox();
        let (address, orders) = mailbox();
        let keeper = KeyKeeper::new(settings.clone(), material.clone(), parent.clone());
        let keeper = KeyKeeper { every: Duration::from_millis(5), ..keeper };
        spawn(keeper, orders, parent, Told::Ended);

        swap_in(&scratch, "2", &second);
        let Some(Told::Keys(KeyReport::Reloaded(read))) = told.next().await else { panic!() };
        assert_eq!(*read, read_material(&settings).unwrap());
        assert_ne!(read.key, material.key);

        fs::write(scratch.join("2/cert.pem"), &third.0).unwrap();
        let Some(Told::Keys(KeyReport::ReloadFailed(error))) = told.next().await else { panic!() };
        assert!(matches!(*error.problem, TlsFileProblem::OtherKey { .. }), "{error}");
        fs::write(scratch.join("2/key.pem"), &third.1).unwrap();
        let Some(Told::Keys(KeyReport::Reloaded(read))) = told.next().await else { panic!() };
        assert_eq!(read.key, read_material(&settings).unwrap().key);

        drop(address);
        assert!(matches!(told.next().await, Some(Told::Ended(Exit::Done(())))));
    });
}

#[test]
fn files_that_are_as_they_were_are_nothing_to_tell_even_when_written_anew() {
    let scratch = Scratch::new();
    let (first, second) = (pair(), pair());
    swap_in(&scratch, "1", &first);
    let settings = settings(&scratch);
    let material = read_material(&settings).unwrap();
    block_on(async {
        let (parent, mut told) = mailbox::<Told>();
        let mut keeper = KeyKeeper::new(settings, material, parent);
        keeper.look().await;
        swap_in(&scratch, "2", &first);
        keeper.look().await;
        assert!(told.is_empty());
        swap_in(&scratch, "3", &second);
        keeper.look().await;
        assert!(matches!(told.next().await, Some(Told::Keys(KeyReport::Reloaded(_)))));
        keeper.look().await;
        assert!(told.is_empty());
    });
}
