//! Whom certificates name, and whom they do not.

use super::*;
use crate::membership::Member;

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn ids(numbers: &[u64]) -> BTreeSet<ServerId> {
    numbers.iter().copied().map(id).collect()
}

fn member(number: u64, endpoint: &str) -> Member {
    Member::voter(id(number)).at(endpoint.parse::<Endpoint>().unwrap())
}

/// Three members, each at a host of its own.
fn apart(naming: Naming) -> Identities {
    let members = [
        member(1, "One.example.org:3888"),
        member(2, "two.example.org:3888"),
        member(3, "10.0.0.3:3888"),
    ];
    Identities::new(&Membership::new(members).unwrap(), naming)
}

/// Three members on one host.
fn together(naming: Naming) -> Identities {
    let members = (1..=3).map(|number| member(number, &format!("127.0.0.1:{}", 3888 + number)));
    Identities::new(&Membership::new(members).unwrap(), naming)
}

fn names(text: &str) -> CertificateNames {
    let mut names = CertificateNames::default();
    for name in text.split_whitespace() {
        match name.parse::<IpAddr>() {
            Ok(address) => names.addresses.insert(address),
            Err(_) if name.contains(':') => names.uris.insert(name.to_owned()),
            Err(_) => names.dns.insert(name.to_owned()),
        };
    }
    names
}

#[test]
fn a_host_of_its_addresses_names_a_member_and_no_other() {
    let members = apart(Naming::Strict);
    for (number, certificate) in
        [(1, "one.example.org"), (2, "elsewhere.test two.example.org"), (3, "10.0.0.3 10.9.9.9")]
    {
        for claimed in 1..=3 {
            let proof = members.prove(Some(id(claimed)), &names(certificate));
            if claimed == number {
                assert_eq!(proof, Ok(Proof::Sole));
            } else {
                let refused = *proof.unwrap_err();
                let NotProven::Another { named, .. } = refused else { panic!("{refused:?}") };
                assert_eq!(named, ids(&[number]));
            }
        }
    }
}

#[test]
fn an_id_in_the_certificate_is_that_of_one_member_whatever_stands_beside_it() {
    for naming in [Naming::Strict, Naming::Named] {
        let certificate = names("ballotbox:2 127.0.0.1 *.example.org");
        for members in [apart(naming), together(naming)] {
            assert_eq!(members.prove(Some(id(2)), &certificate), Ok(Proof::Sole));
            assert!(members.prove(Some(id(1)), &certificate).is_err());
            assert!(members.prove(Some(id(3)), &certificate).is_err());
        }
    }
    // What only looks like one names nobody.
    for uri in ["ballotbox:", "ballotbox:+2", "ballotbox:2x", "Ballotbox:2", "ballotbox://2"] {
        assert_eq!(apart(Naming::Named).named_by(&names(uri)), ids(&[]), "{uri}");
    }
}

#[test]
fn a_given_name_takes_the_place_of_the_hosts() {
    let members =
        together(Naming::Strict).known_as(id(1), "First.test").known_as(id(2), "spiffe:a/2");
    assert_eq!(members.prove(Some(id(1)), &names("first.test")), Ok(Proof::Sole));
    assert_eq!(members.prove(Some(id(2)), &names("spiffe:a/2")), Ok(Proof::Sole));
    assert_eq!(members.prove(Some(id(3)), &names("127.0.0.1")), Ok(Proof::Sole));
    assert!(members.prove(Some(id(1)), &names("127.0.0.1")).is_err());
}

#[test]
fn a_name_that_several_share_proves_only_that_somebody_is_a_member() {
    let certificate = names("127.0.0.1 localhost");
    let shared = together(Naming::Named).prove(Some(id(1)), &certificate);
    assert_eq!(shared, Ok(Proof::Shared(ids(&[2, 3]))));
    let refused = together(Naming::Strict).prove(Some(id(1)), &certificate).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "its certificate is for localhost, 127.0.0.1, which names member 1 and also members 2, 3: with `strict` each member \
         needs one that names it alone, as the URI ballotbox:1 does"
    );
    let wildcard = apart(Naming::Named).prove(Some(id(1)), &names("*.example.org"));
    assert_eq!(wildcard, Ok(Proof::Shared(ids(&[2]))));
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let certificate = names("*.example.org *.org *");
    let named = |host: &str| certificate.has(host);
    assert!(named("a.example.org") && named("a.example.org."));
    assert!(
        !named("example.org") && !named("a.b.example.org") && !named("org") && !named("localhost")
    );
}

#[test]
fn who_claims_to_be_no_member_has_nothing_to_prove_but_who_claims_to_be_one_has() {
    let members = apart(Naming::Strict);
    assert_eq!(members.prove(None, &names("")), Ok(Proof::LetIn));
    assert_eq!(members.prove(Some(id(77)), &names("two.example.org")), Ok(Proof::LetIn));
    assert!(members.prove(Some(id(1)), &names("")).is_err());
    assert_eq!(apart(Naming::Unchecked).prove(Some(id(1)), &names("")), Ok(Proof::LetIn));
}

#[test]
fn a_refusal_says_what_was_presented_and_what_was_expected_with_nothing_that_could_harm_a_terminal()
{
    let members = apart(Naming::Named);
    let refused = |certificate: CertificateNames| {
        members.prove(Some(id(1)), &certificate).unwrap_err().to_string()
    };
    assert_eq!(
        refused(names("two.example.org")),
        "its certificate is for two.example.org (that is member 2), and not for member 1: expected one for one.example.org or \
         ballotbox:1"
    );
    assert_eq!(
        refused(names("")),
        "its certificate is for no name at all (it has no subject alternative name), and not for member 1: expected one for \
         one.example.org or ballotbox:1"
    );
    let many = refused(names("a.test b.test c.test d.test e.test f.test"));
    assert!(many.contains("a.test, b.test, c.test, d.test and 2 more"), "{many}");
    let dns = BTreeSet::from(["\u{1b}[2Jevil".to_owned()]);
    let escaped = refused(CertificateNames { dns, ..CertificateNames::default() });
    assert!(!escaped.contains('\u{1b}'), "{escaped}");
}
