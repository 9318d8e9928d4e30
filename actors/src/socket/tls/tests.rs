//! Handshakes between two ends: who is let in, who is not, and what each end says of it.

use std::{
    net::{TcpListener, TcpStream},
    time::Duration,
};

use async_io::Async;
use async_std::task::block_on;
use ballotbox_core::{
    Endpoint,
    identity::Naming,
    membership::{Member, Membership},
};
use futures::{AsyncReadExt, AsyncWriteExt, join};
use futures_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

use super::*;
use crate::{
    kit::clock,
    socket::{ClientCertificate, Connection, TlsVersions},
};

/// At most this long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(24 * 3600);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for these names, and what else is to be said of it.
fn issued(
    by: &Authority,
    trusted: &Authority,
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Material {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "someone");
    params.subject_alt_names = names.iter().map(|name| san(name)).collect();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    Material {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        roots: vec![CertificateDer::from(trusted.der().to_vec())],
    }
}

fn san(name: &str) -> SanType {
    match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains(':') => SanType::URI(name.try_into().unwrap()),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}

fn member_of(authority: &Authority, number: u64) -> Material {
    issued(authority, authority, &[&format!("ballotbox:{number}")], |_| {})
}

fn ensemble(naming: Naming) -> Identities {
    let at = |number| format!("127.0.0.1:{}", 3888 + number).parse::<Endpoint>().unwrap();
    let members = (1..=3).map(|number| Member::voter(id(number)).at(at(number)));
    Identities::new(&Membership::new(members).unwrap(), naming)
}

fn tls(material: Material, terms: &Terms) -> Tls {
    let credentials = Credentials::new(material, terms).unwrap();
    Tls::new(credentials, TlsStage::Required, ensemble(Naming::Named))
}

fn with_defaults(material: Material) -> Tls {
    tls(material, &Terms::default())
}

async fn raw_sockets() -> (Async<TcpStream>, Async<TcpStream>) {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let address = listener.get_ref().local_addr().unwrap();
    let near = Async::<TcpStream>::connect(address).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

async fn sockets() -> (Connection, Connection) {
    let (near, far) = raw_sockets().await;
    (Connection::new(near), Connection::new(far))
}

/// What each end says: the one that dials member 2, and the one that takes it and hears from it that it is member 1.
async fn meet(
    dialling: &Tls,
    taking: &Tls,
) -> (Result<Connection, TlsError>, Result<Connection, TlsError>) {
    let (near, far) = sockets().await;
    let dial = async {
        let mut connection = near.dial(Some(dialling), Some(id(2))).await?;
        connection.admitted().await?;
        connection.write_all(b"1").await.unwrap();
        Ok(connection)
    };
    let take = async {
        let mut connection = far.secure(taking).await?;
        let mut word = [0; 1];
        // One that does not believe us says nothing.
        if !connection.read(&mut word).await.is_ok_and(|count| count == 1) {
            return Err(TlsError::CutOff);
        }
        connection.prove(taking, Some(id(u64::from(word[0] - b'0'))))?;
        Ok(connection)
    };
    clock::within(PATIENCE, async { join!(dial, take) }).await.unwrap()
}

fn met(
    dialling: &Tls,
    taking: &Tls,
) -> (Result<Connection, TlsError>, Result<Connection, TlsError>) {
    block_on(meet(dialling, taking))
}

#[test]
fn two_members_let_each_other_in_and_what_is_said_arrives_whole() {
    let authority = authority("test");
    let (one, two) =
        (with_defaults(member_of(&authority, 1)), with_defaults(member_of(&authority, 2)));
    block_on(async {
        // The second time both remember the session.
        for _ in 0..2 {
            let (near, far) = meet(&one, &two).await;
            let (near, far) = (near.unwrap(), far.unwrap());
            let (mut reader, mut writer) = far.split();
            let (mut back, mut forth) = near.split();
            let much: Vec<_> = (0..300_000_u32).map(|n| n.to_be_bytes()[3]).collect();
            let read = async {
                let (mut all, mut piece) = (Vec::new(), vec![0; 7000]);
                while all.len() < much.len() {
                    let count = reader.read(&mut piece).await.unwrap();
                    assert_ne!(count, 0);
                    all.extend_from_slice(&piece[..count]);
                }
                all
            };
            let (written, all) = join!(forth.write_all(&much), read);
            written.unwrap();
            assert_eq!(all, much);
            writer.write_all(b"thanks").await.unwrap();
            let mut word = [0; 16];
            assert_eq!(back.read(&mut word).await.unwrap(), 6);
            writer.shut();
            assert_eq!(back.read(&mut word).await.unwrap(), 0, "an end is an end");
            assert!(reader.read(&mut word).await.is_ok_and(|count| count == 0));
        }
    });
}

#[test]
fn each_version_alone_will_do_and_none_in_common_is_said_at_both_ends() {
    let authority = authority("test");
    let speaking = |versions, number| {
        tls(member_of(&authority, number), &Terms { versions, ..Terms::default() })
    };
    for versions in [TlsVersions::Both, TlsVersions::Tls12, TlsVersions::Tls13] {
        let (near, far) = met(&speaking(versions, 1), &speaking(versions, 2));
        near.unwrap();
        far.unwrap();
    }
    let (near, far) = met(&speaking(TlsVersions::Tls12, 1), &speaking(TlsVersions::Tls13, 2));
    assert!(matches!(near, Err(TlsError::Refused { .. })), "{near:?}");
    assert!(matches!(far, Err(TlsError::Incompatible { .. })), "{far:?}");
    let none = Terms { suites: Some(vec![]), ..Terms::default() };
    let error = Credentials::new(member_of(&authority, 1), &none).unwrap_err();
    assert!(matches!(error, CredentialsError::Suites { .. }), "{error}");
}

/// What is wrong with the certificate of a dialler, or of the one it dials, and what is said of it by the one that looks at it.
fn faults(
    wrong: impl Fn(&Authority, &Authority, u64) -> Material,
) -> [Result<Connection, TlsError>; 4] {
    let (ours, other) = (authority("ours"), authority("other"));
    let (near, far) =
        met(&with_defaults(wrong(&ours, &other, 1)), &with_defaults(member_of(&ours, 2)));
    let (near2, far2) =
        met(&with_defaults(member_of(&ours, 1)), &with_defaults(wrong(&ours, &other, 2)));
    [near, far, near2, far2]
}

#[test]
fn a_certificate_that_is_not_believed_is_named_by_one_end_and_the_refusal_by_the_other() {
    let now = clock::time_of_day();
    let name = |number| format!("ballotbox:{number}");
    let wrong_authority =
        |ours: &Authority, other: &Authority, number| issued(other, ours, &[&name(number)], |_| {});
    let namesake = |ours: &Authority, _: &Authority, number| {
        issued(&authority("ours"), ours, &[&name(number)], |_| {})
    };
    let expired = |ours: &Authority, _: &Authority, number| {
        issued(ours, ours, &[&name(number)], |params| {
            params.not_before = (now - DAY * 9).into();
            params.not_after = (now - DAY * 2).into();
        })
    };
    let early = |ours: &Authority, _: &Authority, number| {
        issued(ours, ours, &[&name(number)], |params| {
            params.not_before = (now + DAY).into();
            params.not_after = (now + DAY * 9).into();
        })
    };
    let other_use = |ours: &Authority, _: &Authority, number| {
        issued(ours, ours, &[&name(number)], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        })
    };
    let of_authority = |ours: &Authority, _: &Authority, number| {
        issued(ours, ours, &[&name(number)], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        })
    };
    for (faults, words) in [
        (faults(of_authority), "it is one of an authority, and not among ours"),
        (faults(wrong_authority), "none of our authorities has issued it"),
        (faults(namesake), "an authority of the name of ours has issued it, with another key"),
        (faults(expired), "it expired at "),
        (faults(early), "it is valid only from "),
        (faults(other_use), "it may not be used for this"),
    ] {
        let [refused, looked, looked_too, refused_too] = faults.map(Result::unwrap_err);
        for looked in [looked, looked_too] {
            let text = looked.to_string();
            assert!(matches!(looked, TlsError::Unbelieved { .. }), "{text}");
            assert!(text.contains(words) && text.contains("CN=someone for ballotbox:"), "{text}");
        }
        for refused in [refused, refused_too] {
            let text = refused.to_string();
            assert!(matches!(refused, TlsError::Refused { .. }), "{text}");
            assert!(text.contains("it does not believe our certificate"), "{text}");
        }
    }
}

#[test]
fn an_expired_certificate_is_said_at_the_end_that_has_it_as_well() {
    let now = clock::time_of_day();
    let ours = authority("ours");
    let expired = issued(&ours, &ours, &["ballotbox:1"], |params| {
        params.not_before = (now - DAY * 9).into();
        params.not_after = (now - DAY * 2).into();
    });
    let (near, _) = met(&with_defaults(expired), &with_defaults(member_of(&ours, 2)));
    let text = near.unwrap_err().to_string();
    assert!(text.contains("expired 48 h ago"), "{text}");
}

#[test]
fn a_member_cannot_speak_for_another() {
    let ours = authority("ours");
    // Member 3 dials, and says that it is member 1.
    let (near, far) = met(&with_defaults(member_of(&ours, 3)), &with_defaults(member_of(&ours, 2)));
    // It was let in: what it then said was not true.
    near.unwrap();
    let text = far.unwrap_err().to_string();
    let expected = "its certificate is for ballotbox:3 (that is member 3), and not for member 1: expected one for 127.0.0.1 or \
                    ballotbox:1";
    assert_eq!(text, expected);
    // Member 3 sits where member 2 is dialled.
    let (near, _) = met(&with_defaults(member_of(&ours, 1)), &with_defaults(member_of(&ours, 3)));
    assert!(matches!(near, Err(TlsError::NotTheirs(_))), "{near:?}");
}

#[test]
fn who_shows_no_certificate_is_let_in_only_where_none_is_demanded() {
    let ours = authority("ours");
    // The authority names the host as well, for one who asks for that.
    let certificate_of_two = || issued(&ours, &ours, &["ballotbox:2", "two.test"], |_| {});
    let anybody = |client_certificate| {
        let terms = Terms { client_certificate, ..Terms::default() };
        tls(certificate_of_two(), &terms)
    };
    let nameless = |taking: &Tls| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ours.der().to_vec())).unwrap();
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        block_on(async {
            let (near, far) = raw_sockets().await;
            let name = ServerName::try_from("two.test").unwrap();
            let dial = async {
                let mut stream = TlsConnector::from(Arc::new(config)).connect(name, near).await?;
                stream.write_all(b"1").await?;
                stream.read(&mut [0; 1]).await
            };
            let take = async {
                let secured = Connection::new(far).secure(taking).await?;
                secured.prove(taking, Some(id(1)))
            };
            clock::within(PATIENCE, async { join!(dial, take) }).await.unwrap().1
        })
    };
    assert_eq!(nameless(&with_defaults(certificate_of_two())), Err(TlsError::NoCertificate));
    for demanded in [ClientCertificate::Asked, ClientCertificate::NotAsked] {
        assert_eq!(nameless(&anybody(demanded)), Ok(Some(Proof::LetIn)));
    }
    for demanded in [ClientCertificate::Asked, ClientCertificate::NotAsked] {
        let (near, far) = met(&with_defaults(member_of(&ours, 1)), &anybody(demanded));
        near.unwrap();
        far.unwrap();
    }
}

#[test]
fn a_certificate_that_is_itself_trusted_needs_no_authority() {
    let own = |number: u64| {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![san(&format!("ballotbox:{number}"))];
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap(), key)
    };
    let ((one, one_key), (two, two_key)) = (own(1), own(2));
    let roots = vec![one.der().clone(), two.der().clone()];
    let material = |certificate: &rcgen::Certificate, key: &KeyPair| Material {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        roots: roots.clone(),
    };
    let (near, far) =
        met(&with_defaults(material(&one, &one_key)), &with_defaults(material(&two, &two_key)));
    near.unwrap();
    far.unwrap();
}

#[test]
fn new_credentials_are_used_from_the_next_connection_on_and_the_old_connection_stays() {
    let (old, new) = (authority("old"), authority("new"));
    let (one, two) = (with_defaults(member_of(&old, 1)), with_defaults(member_of(&old, 2)));
    block_on(async {
        let (near, far) = meet(&one, &two).await;
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        let renewed =
            |number| Credentials::new(member_of(&new, number), &Terms::default()).unwrap();
        one.renew(renewed(1));
        let (refused, _) = meet(&one, &two).await;
        assert!(
            refused.is_err(),
            "the other end has the old authority, and no session with us any more"
        );
        two.renew(renewed(2));
        let (again, taken) = meet(&one, &two).await;
        again.unwrap();
        taken.unwrap();
        near.write_all(b"still here").await.unwrap();
        assert_eq!(far.read(&mut [0; 16]).await.unwrap(), 10);
    });
}

#[test]
fn plain_text_in_the_place_of_tls_is_named_as_such() {
    let ours = authority("ours");
    let one = with_defaults(member_of(&ours, 1));
    let answer = |answer: &'static [u8]| {
        block_on(async {
            let (near, mut far) = sockets().await;
            let dial = near.dial(Some(&one), Some(id(2)));
            let answer = async {
                far.read(&mut [0; 4096]).await.unwrap();
                far.write_all(answer).await.unwrap();
                drop(far);
            };
            let both = Box::pin(async { join!(dial, answer) });
            clock::within(PATIENCE, both).await.unwrap().0.unwrap_err()
        })
    };
    assert_eq!(answer(b""), TlsError::CutOff);
    assert_eq!(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), TlsError::NotTls);
}

#[test]
fn a_key_of_another_certificate_is_refused_and_nothing_shows_a_key() {
    let ours = authority("ours");
    let (one, two) = (member_of(&ours, 1), member_of(&ours, 2));
    let shown = format!("{one:?}");
    assert_eq!(shown, "Material { chain: 1, roots: 1, .. }");
    let mixed = Material { key: two.key, ..one };
    let error = Credentials::new(mixed, &Terms::default()).unwrap_err();
    assert!(matches!(error, CredentialsError::Key { .. }), "{error}");
    let credentials = Credentials::new(member_of(&ours, 1), &Terms::default()).unwrap();
    assert!(format!("{credentials:?}").starts_with("Credentials(Certificate {"));
    let nothing = Material { chain: vec![], ..member_of(&ours, 1) };
    assert_eq!(
        Credentials::new(nothing, &Terms::default()).unwrap_err(),
        CredentialsError::NoCertificate
    );
}
