use std::{fs, os::unix::fs::symlink};

use async_std::task::block_on;
use ballotbox_actors::kit::{Exit, mailbox, spawn};
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::scratch::Scratch;

#[derive(Debug)]
enum Told {
    News(CertificateNews),
    Ended(Exit<(), Infallible>),
}

impl From<CertificateNews> for Told {
    fn from(news: CertificateNews) -> Self {
        Self::News(news)
    }
}

/// A certificate that is its own authority, and its key.
fn pair(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
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

fn started(settings: &TlsSettings) -> NodeTls {
    let (material, _) = read_material(settings).unwrap();
    NodeTls::without_members(settings.clone(), material).unwrap()
}

/// The first DNS name of the certificate that new connections use.
fn shown(tls: &Tls) -> String {
    tls.certificate().names.dns.first().unwrap().clone()
}

#[test]
fn a_new_pair_is_used_and_half_of_one_is_not() {
    let scratch = Scratch::new();
    let [first, second, third] = ["zk1", "zk2", "zk3"].map(pair);
    swap_in(&scratch, "1", &first);
    let settings = settings(&scratch);
    let node_tls = started(&settings);
    let tls = node_tls.tls.clone();
    assert_eq!(shown(&tls), "zk1");
    block_on(async {
        let (parent, mut told) = mailbox();
        let (address, orders) = mailbox();
        let keeper = KeyKeeper::new(node_tls, parent.clone());
        let keeper = KeyKeeper { every: Duration::from_millis(5), ..keeper };
        spawn(keeper, orders, parent, Told::Ended);

        swap_in(&scratch, "2", &second);
        let news = told.next().await;
        assert!(matches!(news, Some(Told::News(CertificateNews::Renewed { .. }))), "{news:?}");
        assert_eq!(shown(&tls), "zk2");

        fs::write(scratch.join("2/cert.pem"), &third.0).unwrap();
        let Some(Told::News(CertificateNews::NotRenewed { cause })) = told.next().await else {
            panic!()
        };
        assert!(cause.to_string().contains("key"), "{cause}");
        assert_eq!(shown(&tls), "zk2");
        fs::write(scratch.join("2/key.pem"), &third.1).unwrap();
        let news = told.next().await;
        assert!(matches!(news, Some(Told::News(CertificateNews::Renewed { .. }))), "{news:?}");
        assert_eq!(shown(&tls), "zk3");

        drop(address);
        assert!(matches!(told.next().await, Some(Told::Ended(Exit::Done(())))));
    });
}

#[test]
fn files_that_are_as_they_were_are_nothing_to_tell_even_when_written_anew() {
    let scratch = Scratch::new();
    let [first, second] = ["zk1", "zk2"].map(pair);
    swap_in(&scratch, "1", &first);
    let settings = settings(&scratch);
    block_on(async {
        let (parent, mut told) = mailbox::<Told>();
        let mut keeper = KeyKeeper::new(started(&settings), parent);
        keeper.look().await;
        swap_in(&scratch, "2", &first);
        keeper.look().await;
        assert!(told.is_empty());
        swap_in(&scratch, "3", &second);
        keeper.look().await;
        let news = told.next().await;
        assert!(matches!(news, Some(Told::News(CertificateNews::Renewed { .. }))), "{news:?}");
        keeper.look().await;
        assert!(told.is_empty());
    });
}
