//! What is done with any bytes: nothing may panic, and what was read must survive being written and read again.
//!
//! The fuzzer calls these, and `tests/corpus.rs` with all inputs that are kept.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

use ballotbox::{
    NodeConfig, UntrustedText,
    chronicle::report_read,
    election::Notification,
    fence::token_read,
    http::client::answer_read as answer_read_at,
    membership::config_text::ConfigText,
    node::{
        control::{ControlError, StatusReport, answer_read, requests_read},
        reopened,
    },
    scenario::vote_file::VoteFile,
    zoo_cfg::ZooCfg,
};
use ballotbox_actors::socket::tls::{Certificate, Credentials, Material, Terms, answered};
use ballotbox_core::{
    Core, ServerId,
    election::{Epoch, Round, Zxid},
    leadership::{
        Action, DirectoryId, EnsembleId, Event, Identity, Incarnation, LeaderWord, Leadership,
        LeadershipTiming, LearnerWord, LeaseTerms, Moment, Reading, Record, SessionId, Ticket,
        Timed,
    },
    membership::{Ensemble, Member},
    wire::{
        FirstWord, FirstWordError, Frame, FrameBuffer, Greeting, PacketKind, PacketStream, Ports,
        QuorumPacket, Taken,
    },
};
use rcgen::CertifiedKey;

/// The first bytes of a connection.
pub fn greeting(bytes: &[u8]) {
    let missing = Greeting::missing(bytes);
    if let Ok(greeting) = Greeting::decode(bytes) {
        assert_eq!(missing, Ok(0), "{greeting:?}");
        let written = greeting.encode();
        assert_eq!(Greeting::decode(&written).as_ref(), Ok(&greeting));
    }
}

/// What a connection is opened with, at each kind of port: nothing is asked for that does not belong to the first word, nor much at once.
pub fn first_word(bytes: &[u8]) {
    let Some(first) = bytes.first() else { return };
    for taken in [Taken::PlainText, Taken::Either, Taken::Tls] {
        let is_tls = taken.is_tls(*first);
        assert!(is_tls != Ok(true) || *first == 0x16, "{taken:?}");
    }
    for ports in [Ports::Election, Ports::Quorum, Ports::Both] {
        let word = opened(bytes, |head| FirstWord::missing(head, ports));
        if let Ok(Some((read, word))) = &word {
            // What was read is a whole word, and what follows does not matter.
            assert_eq!(FirstWord::decode(&bytes[..*read]).as_ref(), Ok(word), "{ports:?}");
        }
        let plainly = opened(bytes, |head| FirstWord::missing_in_plain_text(head, ports));
        assert!(
            plainly == word || plainly == Err(FirstWordError::SpeaksTls),
            "{ports:?}: {plainly:?}"
        );
    }
}

/// Reads the first word of a stream, and says how many bytes that took; `None` when the stream ends within it.
fn opened(
    stream: &[u8],
    missing: impl Fn(&[u8]) -> Result<usize, FirstWordError>,
) -> Result<Option<(usize, FirstWord)>, FirstWordError> {
    let mut read = 0;
    loop {
        let head = &stream[..read];
        let missing = missing(head)?;
        if missing == 0 {
            return Ok(Some((read, FirstWord::decode(head)?)));
        }
        assert!(missing <= read.max(4096), "{missing} bytes at once, after {read}");
        if stream.len() < read + missing {
            return Ok(None);
        }
        read += missing;
    }
}

/// What somebody says who is to speak TLS, in pieces of the length that the first byte says: records, and a handshake in them. How it
/// ends does not depend on the pieces.
pub fn tls_records(bytes: &[u8]) {
    static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(|| {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["one.example".to_owned()]).unwrap();
        let key = signing_key.serialize_der().try_into().unwrap();
        let roots = vec![cert.der().clone()];
        let material = Material { chain: roots.clone(), key, roots };
        Credentials::new(material, &Terms::default()).unwrap()
    });
    let Some((piece, stream)) = bytes.split_first() else { return };
    let pieces: Vec<_> = stream.chunks(usize::from(*piece).max(1)).collect();
    let in_pieces = answered(&CREDENTIALS, &pieces);
    let whole = answered(&CREDENTIALS, &[stream]);
    assert_eq!(
        in_pieces.is_ok(),
        whole.is_ok(),
        "{in_pieces:?} in pieces of {piece}, {whole:?} at once"
    );
}

/// A certificate that somebody shows, before anybody has looked whether it is to be believed.
pub fn certificate(bytes: &[u8]) {
    match Certificate::read(bytes) {
        Ok(certificate) => {
            let shown = certificate.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
            let _ = certificate.check_validity(SystemTime::UNIX_EPOCH);
        }
        Err(fault) => {
            let shown = fault.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}

/// A stream of frames, which comes in pieces: the first byte says how long they are.
pub fn frame(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(*piece).max(1)), whole, "pieces of {piece} bytes");
}

fn frames(stream: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let mut buffer = FrameBuffer::default();
    let mut found = Vec::new();
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let room = buffer.room();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            buffer.filled(count);
            rest = &rest[count..];
            loop {
                match buffer.next_frame() {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(_) => return (found, true),
                }
            }
        }
    }
    (found, false)
}

/// The body of a frame.
pub fn notification(bytes: &[u8]) {
    if let Ok(notification) = Notification::decode(bytes) {
        let written = notification.encode();
        assert_eq!(Notification::decode(&written).as_ref(), Ok(&notification));
    }
}

/// The packets of a leader, snapshots among them, which come in pieces: the first byte says how long they are.
pub fn packet(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let whole = packets(stream, stream.len().max(1));
    assert_eq!(packets(stream, usize::from(*piece).max(1)), whole, "pieces of {piece} bytes");
    for packet in whole.0 {
        assert_eq!(QuorumPacket::decode(&packet.encode()).as_ref(), Ok(&packet));
        word(&packet);
    }
}

fn packets(stream: &[u8], piece: usize) -> (Vec<QuorumPacket>, bool) {
    let mut packets = PacketStream::from_leader();
    let mut found = Vec::new();
    for piece in stream.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let room = packets.room();
            let count = rest.len().min(room.len());
            room[..count].copy_from_slice(&rest[..count]);
            packets.filled(count);
            rest = &rest[count..];
            loop {
                match packets.next_packet() {
                    Ok(Some(packet)) => found.push(packet),
                    Ok(None) => break,
                    Err(_) => return (found, true),
                }
            }
        }
    }
    (found, false)
}

/// The first packet of a connection, and its data in packets of every kind.
pub fn first_packet(bytes: &[u8]) {
    let missing = QuorumPacket::missing(bytes);
    let Ok(packet) = QuorumPacket::decode(bytes) else { return };
    assert!(!packet.kind.opens() || missing.is_err() || missing == Ok(0), "{missing:?}");
    for kind in (1..20).chain(100..106).map(PacketKind) {
        word(&QuorumPacket { kind, ..packet.clone() });
    }
}

/// What was understood is understood again.
fn word(packet: &QuorumPacket) {
    if let Ok(word) = LearnerWord::from_packet(packet)
        && let Some(written) = word.to_packet()
    {
        assert_eq!(LearnerWord::from_packet(&written).as_ref(), Ok(&word));
    }
    if let Ok(word) = LeaderWord::from_packet(packet)
        && let Some(written) = word.to_packet()
    {
        let read = LeaderWord::from_packet(&written);
        // A reason full of escapes is shortened when it is read, and says so when it is written.
        let is_reason = matches!(word, LeaderWord::Refused { .. });
        assert!(read.as_ref() == Ok(&word) || is_reason && read.is_ok(), "{word:?}, then {read:?}");
    }
}

/// The list of members in a notification.
pub fn config_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = ConfigText::parse(text) {
        let _ = config.ensemble();
        let written = config.to_string();
        let read = ConfigText::parse(&written).expect("what we write we can read");
        assert!(config.difference(&read).is_none(), "{written}");
    }
}

/// The file that a real server reads; the same bytes stand for every file it names.
pub fn zoo_cfg(bytes: &[u8]) {
    match ZooCfg::parse(Path::new("zoo.cfg"), |_| Ok(Some(bytes.to_vec()))) {
        Ok(cfg) => {
            let _ = NodeConfig::from_zoo_cfg(&cfg);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
    let _ = ZooCfg::parse(Path::new("zoo.cfg"), |path| {
        Ok((path == Path::new("zoo.cfg")).then(|| bytes.to_vec()))
    });
}

/// A vote file.
pub fn vote_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match VoteFile::parse("fuzz", text) {
        Ok(file) => {
            let written = file.to_json();
            let read = VoteFile::parse("fuzz", &written).expect("what we write we can read");
            assert_eq!(read, file);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// What a member finds on disk: its accepted epoch, its current one, and its identity, with a bar between two of them.
pub fn data_directory(bytes: &[u8]) {
    let names = ["acceptedEpoch", "currentEpoch", "identity"];
    match reopened(names.into_iter().zip(bytes.splitn(3, |byte| *byte == b'|'))) {
        Ok(files) => {
            let found = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
            let again = reopened(found).expect("what we write we can read");
            assert_eq!(names_of(&again), names);
            for (before, after) in files.iter().zip(&again).take(2) {
                assert_eq!(before, after, "no epoch changes by a start");
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

fn names_of(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

/// The file in which a fence keeps its largest token.
pub fn fence(bytes: &[u8]) {
    match token_read(bytes) {
        Ok((token, written)) => {
            assert_eq!(token_read(&written).expect("what we write we can read").0, token);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// What answers at a status port, which may be anything.
pub fn status_answer(bytes: &[u8]) {
    let url = "http://127.0.0.1:8080".parse().expect("it is a URL");
    match answer_read_at(&url, bytes) {
        Ok((code, _)) => assert!(code < 1000),
        Err(error) => {
            let told = error.to_string();
            assert!(!told.chars().any(UntrustedText::is_escaped), "{told:?}");
        }
    }
}

/// What is said at a control socket, as each end reads it: a node, to which it comes in pieces (the first byte says how long they
/// are), and one that has asked a node.
pub fn control(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let (requests, refusal) = requests_read([stream]);
    let in_pieces = requests_read(stream.chunks(usize::from(*piece).max(1)));
    assert_eq!(in_pieces, (requests.clone(), refusal.clone()), "pieces of {piece} bytes");
    for request in requests {
        assert_eq!(requests_read([request.as_slice()]), (vec![request.clone()], None));
    }
    if let Some(refusal) = refusal {
        assert!(matches!(answer_read(&refusal), Err(ControlError::Answers { .. })));
    }
    if let Some((told, written)) = report_read(stream) {
        let is_hidden = |c: char| c != '\n' && UntrustedText::is_escaped(c);
        assert!(!told.chars().any(is_hidden), "{told:?}");
        assert!(report_read(&written).is_some(), "what we write we can read");
    }
    match answer_read(stream) {
        Ok((report, written)) => {
            for text in texts(&report) {
                assert!(!text.chars().any(UntrustedText::is_escaped), "{text:?}");
            }
            let again = answer_read(&written).expect("what a node writes is read");
            assert_eq!(again, (report, written));
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// What is shown of a report as it is.
fn texts(report: &StatusReport) -> impl Iterator<Item = &str> {
    let disk = report.disk.iter().flat_map(|disk| {
        [Some(&disk.state), disk.error.as_ref(), disk.directory.as_ref()].into_iter().flatten()
    });
    [&report.role, &report.state, &report.version].into_iter().chain(disk).map(String::as_str)
}

/// What one end of a session says to the other: a learner to a leader if the first byte is even, a leader to a learner otherwise.
/// The rules of leadership are evaluated after every word.
pub fn session(bytes: &[u8]) {
    let Some((first, stream)) = bytes.split_first() else { return };
    let (packets, _) = packets(stream, stream.len().max(1));
    let (mut core, at) = if first % 2 == 0 { a_leader() } else { a_learner() };
    let mut at = at;
    for (number, packet) in packets.iter().enumerate() {
        at = at.plus(Duration::from_millis(u64::from(*first)));
        let event = if first % 2 == 0 {
            let session = SessionId::Accepted(77);
            match LearnerWord::from_packet(packet) {
                Ok(LearnerWord::Info(info)) if number == 0 => {
                    Event::Arrived { session, info, from: None }
                }
                Ok(word) => Event::LearnerSaid { session, word },
                Err(_) => Event::Ended { session },
            }
        } else {
            let session = SessionId::Dialled(1);
            match LeaderWord::from_packet(packet) {
                Ok(word) => Event::LeaderSaid { session, word },
                Err(_) => Event::Ended { session },
            }
        };
        tell(&mut core, at, event);
        if let Some(due) = core.next_deadline().filter(|due| *due <= at.plus(LONG)) {
            at = at.max(due);
            tell(&mut core, at, Event::Tick);
        }
    }
}

/// Tells a member what has happened. What it promises is kept at once.
fn tell(core: &mut Leadership, at: Moment, event: Event) {
    let reading = Reading { boot: at.0, raw: at.0 };
    let promised = |action: &Action| {
        let Action::Promise { ticket, .. } = action else { return None };
        Some(Event::Promised { ticket: *ticket })
    };
    let mut events = VecDeque::from([event]);
    while let Some(event) = events.pop_front() {
        let actions = core.actions_on(Timed { at, reading, event });
        events.extend(actions.iter().filter_map(promised));
    }
}

/// Longer than any wait of a leadership.
const LONG: Duration = Duration::from_secs(3600);

/// Member 3 of three, elected, with 2 as its follower.
fn a_leader() -> (Leadership, Moment) {
    let mut core = member(3);
    let mut at = Moment::default();
    let mut tell = |event| {
        at = at.plus(Duration::from_millis(1));
        tell(&mut core, at, event);
    };
    let (session, epoch) = (SessionId::Accepted(1), Epoch(6));
    tell(Event::Elected { leader: id(3), round: Round(1) });
    tell(Event::Arrived { session, info: member(2).epochs().info(), from: None });
    let current = Some(Epoch(5));
    let word = LearnerWord::AckEpoch { current, zxid: Zxid(0), bond: None };
    tell(Event::LearnerSaid { session, word });
    tell(Event::Stored { ticket: Ticket(1) });
    tell(Event::LearnerSaid { session, word: LearnerWord::Ack { epoch } });
    let word = LearnerWord::Pong { number: Some(1), promises: true, stands: false };
    tell(Event::LearnerSaid { session, word });
    assert_eq!(core.established(), Some((id(3), epoch)));
    (core, at)
}

/// Member 1 of three, which has dialled 3.
fn a_learner() -> (Leadership, Moment) {
    let mut core = member(1);
    let at = Moment(Duration::from_millis(1));
    let event = Event::Elected { leader: id(3), round: Round(1) };
    tell(&mut core, at, event);
    (core, at)
}

fn member(number: u64) -> Leadership {
    let members = (1..=3).map(|number| Member::voter(id(number)));
    let ensemble = Arc::new(Ensemble::new(members).expect("three voters are an ensemble"));
    let lease = LeaseTerms { length: Duration::from_secs(2), drift_ppm: LeaseTerms::DRIFT_PPM };
    let identity = Identity {
        directory: DirectoryId(number),
        incarnation: Incarnation(1),
        new_ensemble: false,
        epoch_floor: Epoch(0),
        ensemble_name: "".into(),
        members: "".into(),
        drawn: EnsembleId(number),
        ended: Epoch(0),
        lease: Some(lease),
        drift_ppm: lease.drift_ppm,
    };
    let (accepted, current) = (Epoch(5), Epoch(5));
    let record = Record { accepted, current, recorded: true, ..Record::default() };
    let timing = LeadershipTiming { lease: Some(lease), ..LeadershipTiming::default() };
    Leadership::new(id(number), ensemble, identity.into(), timing, Zxid(0), record, None)
}

fn id(number: u64) -> ServerId {
    ServerId::new(number).expect("small numbers are ids")
}
