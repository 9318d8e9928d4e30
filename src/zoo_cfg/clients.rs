//! Where clients connect: it has no effect here, but a real server refuses a file that says two different things of it.

use super::{
    Findings, Place, Problem, Settings,
    members::{Members, place_to_listen},
    rest::port,
};
use crate::membership::config_text::{ServerLine, may_be_a_name};
use ballotbox_core::{Endpoint, ServerId, membership::slip::Slip};

const PLAIN: (&str, &str) = ("clientPort", "clientPortAddress");
const SECURE: (&str, &str) = ("secureClientPort", "secureClientPortAddress");
const PROVIDER: &str = "ssl.authProvider";

/// What the settings say of the ports for clients, beside what the server lines say.
pub(super) fn check(
    settings: &Settings,
    members: &Members,
    me: Option<ServerId>,
    findings: &mut Findings,
) {
    let plain = endpoint(settings, PLAIN, findings);
    let secure = endpoint(settings, SECURE, findings);
    if let Some((plain, at)) = &plain {
        check_lines(plain, at, members, me, findings);
    }
    if let (Some((plain, _)), Some((secure, at))) = (&plain, &secure)
        && plain.port > 0
        && plain.port == secure.port
    {
        let (port, other) = (plain.port, "for clients over TLS");
        findings.push(at.clone().warning(Problem::PortTaken { port, other }));
    }
    if let Some(line) = me.and_then(|me| members.config.servers.get(&me)) {
        check_own_ports(plain, line, findings);
    }
    if secure.is_some_and(|(secure, _)| secure.port > 0) {
        check_provider(settings, findings);
    }
}

/// Where the settings send clients, and the line that says so.
fn endpoint(
    settings: &Settings,
    (port_key, address_key): (&'static str, &'static str),
    findings: &mut Findings,
) -> Option<(Endpoint, Place)> {
    let port_entry = settings.left.get(port_key);
    let found = port_entry.map(|entry| port(&entry.value));
    let address = settings.left.get(address_key);
    if let Some(entry) = address {
        let place = settings.at(entry);
        if !may_be_found(&entry.value) {
            let slip = Slip::find(&entry.value);
            let found = entry.value.as_str().into();
            let problem = Problem::ClientAddress { key: address_key, found, slip };
            findings.push(place.error_there(problem));
        // To 3.8, port 0 is none.
        } else if matches!(found, None | Some(Some(0))) {
            let problem = Problem::AddressWithoutPort { key: address_key, port: port_key };
            findings.push(place.error_there(problem));
        }
    }
    let host = address.map_or_else(|| "0.0.0.0".to_owned(), |entry| bare(&entry.value).to_owned());
    Some((Endpoint { host, port: found?? }, settings.at(port_entry?)))
}

/// Whether Java could find this address of the server's own: an address, a name, or nothing, which is loopback.
fn may_be_found(address: &str) -> bool {
    let bare = bare(address);
    let scopeless = bare.split('%').next().unwrap_or(bare);
    bare.is_empty() || ServerLine::literal(scopeless).is_some() || may_be_a_name(bare)
}

fn bare(address: &str) -> &str {
    let inside = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or(address)
}

/// The server lines that send clients elsewhere. A real server looks at its own line only.
fn check_lines(
    here: &Endpoint,
    at: &Place,
    members: &Members,
    me: Option<ServerId>,
    findings: &mut Findings,
) {
    let lines = members.config.servers.iter().filter_map(|(id, line)| {
        let there = line.client.as_ref()?;
        (me.is_none() || me == Some(*id)).then_some((*id, there))
    });
    let lines: Vec<_> = lines.collect();
    // Without knowing which line is its own, it is wrong only if all of them say so.
    if here.port == 0 || lines.iter().any(|(_, there)| !contradict(here, there)) {
        return;
    }
    if let Some((id, there)) = lines.first() {
        let (here, there) = (here.clone(), (*there).clone());
        let problem = Problem::ClientPorts { here, there, id: *id };
        findings.push(if me.is_some() {
            at.clone().error_there(problem)
        } else {
            at.clone().warning(problem)
        });
    }
}

/// Whether a real server would find that these differ. Of two names nobody knows where they lead.
fn contradict(here: &Endpoint, there: &Endpoint) -> bool {
    let wildcard = ServerLine::literal(&here.host).is_some_and(|address| address.is_unspecified());
    let literals = [here, there].map(|endpoint| ServerLine::literal(&endpoint.host).is_some());
    let hosts_differ = !wildcard
        && literals == [true, true]
        && place_to_listen(here).0 != place_to_listen(there).0;
    here.port != there.port || hosts_differ
}

fn check_own_ports(
    settings: Option<(Endpoint, Place)>,
    line: &ServerLine,
    findings: &mut Findings,
) {
    let Some((client, at)) = settings else {
        return;
    };
    let client = line.client.as_ref().unwrap_or(&client);
    let taken = |endpoints: &[Endpoint]| endpoints.iter().any(|e| e.port == client.port);
    for (other, endpoints) in
        [("the election port", &line.election), ("the quorum port", &line.quorum)]
    {
        if client.port > 0 && taken(endpoints) {
            let problem = Problem::PortTaken { port: client.port, other };
            findings.push(at.clone().warning(problem));
        }
    }
}

/// With a port for TLS, a provider that is named must be there.
fn check_provider(settings: &Settings, findings: &mut Findings) {
    let Some(entry) = settings.left.get(PROVIDER).filter(|entry| entry.value != "x509") else {
        return;
    };
    if !settings.left.contains_key(&format!("authProvider.{}", entry.value)) {
        let scheme = entry.value.as_str().into();
        findings.push(settings.at(entry).error_there(Problem::NoAuthProvider { scheme }));
    }
}
