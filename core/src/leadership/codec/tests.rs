mod properties;

use std::{collections::BTreeSet, time::Duration};

use super::*;

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn id(number: u64) -> ServerId {
    ServerId::new(number).unwrap()
}

fn info_of(accepted: i64, block: Option<LearnerBlock>) -> Info {
    Info { id: Some(id(1)), role: Role::Voter, accepted: Epoch(accepted), block }
}

fn full_block() -> LearnerBlock {
    LearnerBlock {
        directory: DirectoryId(u64::MAX),
        incarnation: Incarnation(3),
        recorded: true,
        new_ensemble: false,
        epoch_floor: Epoch(4),
        current: Epoch(5),
        ensemble: Some(EnsembleId(0x0102_0304_0506_0708)),
        confirmed: true,
        ensemble_name: "zoo".into(),
        members: "server.1=a:1:2\nversion=0".into(),
        ended: Epoch(6),
    }
}

fn written(word: &LearnerWord) -> String {
    hex(&word.to_packet().unwrap().encode())
}

fn said(word: &LeaderWord) -> String {
    hex(&word.to_packet().unwrap().encode())
}

#[test]
fn without_a_block_a_learner_says_what_a_real_one_says() {
    assert_eq!(
        written(&LearnerWord::Info(info_of(5, None))),
        "0000000b0000000500000000000000140000000000000001000100000000000000000000ffffffff"
    );
    let observer = Info { id: None, role: Role::Observer, ..info_of(0, None) };
    assert_eq!(
        written(&LearnerWord::Info(observer)),
        "000000100000000000000000000000147fffffffffffffff000100000000000000000000ffffffff"
    );
    let ack = |current: Option<i64>| LearnerWord::AckEpoch {
        current: current.map(Epoch),
        zxid: Zxid(0x7_0000_0002),
        bond: None,
    };
    assert_eq!(written(&ack(Some(5))), "0000001200000007000000020000000400000005ffffffff");
    assert_eq!(written(&ack(None)), "00000012000000070000000200000004ffffffffffffffff");
    assert_eq!(
        written(&LearnerWord::Ack { epoch: Epoch(1) }),
        "000000030000000100000000ffffffffffffffff"
    );
    let pong = LearnerWord::Pong { number: None, promises: false, stands: false };
    assert_eq!(written(&pong), "00000005000000000000000000000000ffffffff", "empty, not none");
}

#[test]
fn without_a_block_a_leader_says_what_a_real_one_says() {
    let info = LeaderWord::Info { epoch: Epoch(6), block: None };
    assert_eq!(said(&info), "0000001100000006000000000000000400010000ffffffff");
    let diff = LeaderWord::Sync { zxid: Zxid(0x1_0000_0000) };
    assert_eq!(said(&diff), "0000000d0000000100000000ffffffffffffffff");
    let word = LeaderWord::NewLeader { epoch: Epoch(1), founding: false };
    assert_eq!(said(&word), "0000000a0000000100000000ffffffffffffffff");
    assert_eq!(said(&LeaderWord::UpToDate), "0000000cffffffffffffffffffffffffffffffff");
    let ping = LeaderWord::Ping { epoch: Epoch(1), number: None };
    assert_eq!(said(&ping), "000000050000000100000000ffffffffffffffff");
}

#[test]
fn the_blocks_stand_where_a_real_server_does_not_look() {
    let magic = "62616c6c6f74627800000003";
    let bare = "000100000000000000000000";
    assert_eq!(
        written(&LearnerWord::Info(info_of(5, Some(full_block())))),
        format!(
            "0000000b0000000500000000{:08x}0000000000000001{bare}{magic}{:08x}\
             ffffffffffffffff0000000000000003010000000000000000040000000000000005\
             01010203040506070801{:08x}{}{:08x}{}0000000000000006ffffffff",
            20 + 16 + 87,
            87,
            3,
            hex(b"zoo"),
            24,
            hex(b"server.1=a:1:2\nversion=0"),
        )
    );
    let block = LeaderBlock {
        directory: DirectoryId(1),
        incarnation: Incarnation(2),
        ensemble: EnsembleId(3),
        ended: Epoch(4),
        lease: Some(LeaseTerms { length: Duration::from_nanos(5), drift_ppm: 6 }),
    };
    let number = |number: u64| format!("{number:016x}");
    assert_eq!(
        said(&LeaderWord::Info { epoch: Epoch(6), block: Some(block) }),
        format!(
            "0000001100000006000000000000004400010000{magic}00000030{}{}{}{}{}{}ffffffff",
            number(1),
            number(2),
            number(3),
            number(4),
            number(5),
            number(6)
        )
    );
    assert_eq!(
        said(&LeaderWord::NewLeader { epoch: Epoch(6), founding: true }),
        format!("0000000a000000060000000000000011{magic}0000000101ffffffff")
    );
    let data = format!("00000018{magic}00000008{}ffffffff", number(9));
    assert_eq!(
        said(&LeaderWord::Ping { epoch: Epoch(6), number: Some(9) }),
        format!("000000050000000600000000{data}")
    );
    let data = format!("0000001a{magic}0000000a{}0100ffffffff", number(9));
    assert_eq!(
        written(&LearnerWord::Pong { number: Some(9), promises: true, stands: false }),
        format!("000000050000000000000000{data}")
    );
    let bond = Some(Bond { to: Some(id(3)), epoch: Epoch(5), rest: Duration::from_nanos(7) });
    let (current, zxid) = (Some(Epoch(4)), Zxid(0));
    assert_eq!(
        written(&LearnerWord::AckEpoch { current, zxid, bond }),
        format!(
            "0000001200000000000000000000002d00000004{magic}0000001901{}{}{}ffffffff",
            number(3),
            number(5),
            number(7)
        )
    );
    let (directory, incarnation) = (DirectoryId(2), Incarnation(7));
    let holder = Holder { leader: id(3), directory, incarnation };
    assert_eq!(
        said(&LeaderWord::HasEnded(HasEnded { holder, epoch: Epoch(6) })),
        format!(
            "00000069000000060000000000000028{magic}00000018{}{}{}ffffffff",
            number(3),
            number(2),
            number(7)
        )
    );
    assert_eq!(
        said(&LeaderWord::Waiting { number: 9, missing: BTreeSet::from([id(2), id(3)]) }),
        format!(
            "00000066ffffffffffffffff0000002c{magic}0000001c{}00000002{}{}ffffffff",
            number(9),
            number(2),
            number(3)
        )
    );
    assert_eq!(
        said(&LeaderWord::Refused { reason: "no".into() }),
        format!("00000067ffffffffffffffff00000016{magic}00000006000000026e6fffffffff")
    );
    let epoch = Epoch(6);
    assert_eq!(said(&LeaderWord::Recorded { epoch }), "000000650000000600000000ffffffffffffffff");
    let released = |nomination| said(&LeaderWord::Released { epoch, nomination });
    assert_eq!(released(None), "000000680000000600000000ffffffffffffffff");
    let vote = Vote { epoch, zxid: Zxid(7), leader: id(2) };
    let (head, body) = ("000000680000000600000000", [2, 6, 7, 3].map(number).concat());
    assert_eq!(
        released(Some(Nomination { vote, round: Round(3) })),
        format!("{head}00000030{magic}00000020{body}ffffffff")
    );
}

/// A first packet whose data is `data`, in epoch 5.
fn first(data: &[u8]) -> Result<LearnerWord, WordError> {
    let data = Some(data.to_vec());
    LearnerWord::from_packet(&QuorumPacket { kind: PacketKind::FOLLOWERINFO, zxid: 5 << 32, data })
}

fn learner_info(id: i64, protocol: i32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &protocol.to_be_bytes(), &[0; 8]].concat()
}

#[test]
fn a_learner_of_3_4_introduces_itself_with_12_bytes() {
    let data = learner_info(1, PROTOCOL);
    for len in [12, 19, 20] {
        assert_eq!(first(&data[..len]), Ok(LearnerWord::Info(info_of(5, None))), "{len} bytes");
    }
    assert_eq!(
        first(&[&data[..], b"something of a later ZooKeeper"].concat()),
        Ok(LearnerWord::Info(info_of(5, None)))
    );
}

#[test]
fn a_learner_without_an_id_is_nobody() {
    let Ok(LearnerWord::Info(info)) = first(&learner_info(i64::MAX, PROTOCOL)) else { panic!() };
    assert_eq!(info.id, None);
}

#[test]
fn who_is_no_learner_is_told_what_was_expected() {
    let kind = PacketKind::FOLLOWERINFO;
    let data = learner_info(1, PROTOCOL);
    for (len, expected) in [(0, 8), (7, 8), (8, 12), (11, 12)] {
        let error = JuteError::Short { found: len, expected };
        assert_eq!(first(&data[..len]), Err(WordError::Data { kind, error }));
    }
    for found in [0, 1, 0xffff, -1] {
        let error = WordError::Protocol { kind, found };
        assert_eq!(first(&learner_info(1, found)), Err(error));
    }
    assert!(first(&learner_info(1, 0x11000)).is_ok(), "a later one is spoken to as today's");
    for found in [-1, i64::MIN] {
        assert_eq!(first(&learner_info(found, PROTOCOL)), Err(WordError::Id { kind, found }));
    }
    let error = WordError::Protocol { kind, found: 1 };
    assert_eq!(error.to_string(), "FOLLOWERINFO with protocol 0x1: expected at least 0x10000");
}

#[test]
fn an_epoch_no_member_can_have_is_refused_wherever_it_stands() {
    let packet = |kind: PacketKind, epoch: i64, data: &[u8]| QuorumPacket {
        kind,
        zxid: epoch << 32,
        data: Some(data.to_vec()),
    };
    for found in [-1, i64::from(i32::MIN), i64::from(i32::MAX)] {
        for (kind, data) in [
            (PacketKind::FOLLOWERINFO, &learner_info(1, PROTOCOL)[..]),
            (PacketKind::OBSERVERINFO, &learner_info(1, PROTOCOL)[..]),
            (PacketKind::ACK, b""),
            (PacketKind::ENDED, b""),
        ] {
            let word = LearnerWord::from_packet(&packet(kind, found, data));
            assert_eq!(word, Err(WordError::Epoch { kind, found }));
        }
        for (kind, data) in [
            (PacketKind::LEADERINFO, &PROTOCOL.to_be_bytes()[..]),
            (PacketKind::NEWLEADER, b""),
            (PacketKind::PING, b""),
            (PacketKind::RECORDED, b""),
            (PacketKind::RELEASED, b""),
        ] {
            let word = LeaderWord::from_packet(&packet(kind, found, data));
            assert_eq!(word, Err(WordError::Epoch { kind, found }));
        }
    }
    let kind = PacketKind::ACKEPOCH;
    for found in [-2, i32::MIN, i32::MAX] {
        let word = LearnerWord::from_packet(&packet(kind, 1, &found.to_be_bytes()));
        assert_eq!(word, Err(WordError::Epoch { kind, found: found.into() }));
    }
    let largest = LearnerWord::Info(info_of(EPOCH_MAX.0, None));
    assert_eq!(LearnerWord::from_packet(&largest.to_packet().unwrap()), Ok(largest));
}

fn nomination(epoch: Epoch) -> Nomination {
    Nomination { vote: Vote { epoch, zxid: Zxid(0), leader: id(2) }, round: Round(3) }
}

#[test]
fn nothing_beyond_the_limits_is_written() {
    for epoch in [Epoch(-1), Epoch(EPOCH_MAX.0 + 1)] {
        assert_eq!(LearnerWord::Ack { epoch }.to_packet(), None);
        assert_eq!(LearnerWord::HasEnded { epoch }.to_packet(), None);
        assert_eq!(LearnerWord::Info(info_of(epoch.0, None)).to_packet(), None);
        let current = Some(epoch);
        assert_eq!(LearnerWord::AckEpoch { current, zxid: Zxid(0), bond: None }.to_packet(), None);
        for block in [
            LearnerBlock { current: epoch, ..full_block() },
            LearnerBlock { epoch_floor: epoch, ..full_block() },
            LearnerBlock { ended: epoch, ..full_block() },
        ] {
            assert_eq!(LearnerWord::Info(info_of(5, Some(block))).to_packet(), None);
        }
        for word in [
            LeaderWord::Info { epoch, block: None },
            LeaderWord::NewLeader { epoch, founding: false },
            LeaderWord::Ping { epoch, number: None },
            LeaderWord::Recorded { epoch },
            LeaderWord::Released { epoch, nomination: None },
            LeaderWord::Released { epoch: Epoch(1), nomination: Some(nomination(epoch)) },
        ] {
            assert_eq!(word.to_packet(), None, "{word:?}");
        }
    }
    assert_eq!(LearnerWord::Other.to_packet(), None);
    assert_eq!(LeaderWord::Other.to_packet(), None);
    let long = |name: usize, members: usize| {
        let (ensemble_name, members) = ("n".repeat(name).into(), "m".repeat(members).into());
        let block = LearnerBlock { ensemble_name, members, ..full_block() };
        LearnerWord::Info(info_of(5, Some(block)))
    };
    assert_eq!(long(256, 0).to_packet(), None);
    assert_eq!(long(0, 512 * 1024 + 1).to_packet(), None);
    let longest = long(255, 512 * 1024);
    let packet = longest.to_packet().unwrap();
    assert_eq!(QuorumPacket::missing(&packet.encode()), Ok(0), "it can open a connection");
    assert_eq!(LearnerWord::from_packet(&packet), Ok(longest));
}

/// The data of an introduction with this block.
fn with_block(block: NewBlock) -> Vec<u8> {
    block.behind(&learner_info(1, PROTOCOL))
}

fn begin_of_block() -> NewBlock {
    NewBlock::new()
        .number(1)
        .number(1)
        .boolean(false)
        .boolean(false)
        .epoch(Epoch(0))
        .epoch(Epoch(0))
        .boolean(false)
        .boolean(false)
}

#[test]
fn a_damaged_block_is_refused() {
    let kind = PacketKind::FOLLOWERINFO;
    let broken = |error| Err(WordError::Block { kind, error });
    let length = |found, max| JuteError::Length { found, min: 0, max };
    assert_eq!(
        first(&with_block(begin_of_block().text(&"n".repeat(256)).text("").epoch(Epoch(0)))),
        broken(length(256, 255))
    );
    let max = 512 * 1024;
    assert_eq!(
        first(&with_block(begin_of_block().text("").text(&"m".repeat(max + 1)))),
        broken(length(512 * 1024 + 1, max))
    );
    let yes = NewBlock::new().number(1).number(1).ids([].iter());
    assert!(first(&with_block(yes)).is_err());
    let floor = NewBlock::new().number(1).number(1).boolean(true).boolean(true);
    let error = WordError::Epoch { kind, found: -1 };
    assert_eq!(first(&with_block(floor.epoch(Epoch(-1)))), Err(error));
    let whole = with_block(begin_of_block().text("").text("").epoch(Epoch(0)));
    assert!(first(&whole).is_ok());
    // It begins behind 20 bytes with a magic of 8.
    for len in 28..whole.len() {
        assert!(matches!(first(&whole[..len]), Err(WordError::Block { .. })), "{len} bytes");
    }
    for found in [0, -1, i32::MIN] {
        let mut other = whole.clone();
        other[28..32].copy_from_slice(&found.to_be_bytes());
        assert_eq!(first(&other), Err(WordError::BlockVersion { kind, found }));
    }
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    let known = || begin_of_block().text("zoo").text("members").epoch(Epoch(0));
    let later = known().number(7).text("what comes later");
    let known = with_block(known());
    let mut later = with_block(later);
    later[28..32].copy_from_slice(&99_i32.to_be_bytes());
    later.extend(b"and what stands behind");
    assert!(matches!(first(&known), Ok(LearnerWord::Info(Info { block: Some(_), .. }))));
    assert_eq!(first(&later), first(&known));
    let ping = NewBlock::new().number(9).boolean(true).boolean(true).number(10).behind(&[]);
    let packet = QuorumPacket { kind: PacketKind::PING, zxid: 1 << 32, data: Some(ping) };
    let number = Some(9);
    let answer = LearnerWord::Pong { number, promises: true, stands: true };
    assert_eq!(LearnerWord::from_packet(&packet), Ok(answer));
    let word = LeaderWord::Ping { epoch: Epoch(1), number };
    assert_eq!(LeaderWord::from_packet(&packet), Ok(word));
}

#[test]
fn an_earlier_version_promises_nothing_asks_for_nothing_and_comes_after_nobody() {
    let first_version = |block: NewBlock, before: &[u8]| {
        let mut data = block.behind(before);
        let at = before.len() + 8;
        data[at..at + 4].copy_from_slice(&1_i32.to_be_bytes());
        Some(data)
    };
    let data = first_version(NewBlock::new().number(9), &[]);
    let ping = QuorumPacket { kind: PacketKind::PING, zxid: 0, data };
    let answer = LearnerWord::Pong { number: Some(9), promises: false, stands: false };
    assert_eq!(LearnerWord::from_packet(&ping), Ok(answer));
    let block = NewBlock::new().number(9).boolean(true);
    let mut data = block.behind(&[]);
    data[8..12].copy_from_slice(&2_i32.to_be_bytes());
    let ping = QuorumPacket { kind: PacketKind::PING, zxid: 0, data: Some(data) };
    let answer = LearnerWord::Pong { number: Some(9), promises: true, stands: false };
    assert_eq!(LearnerWord::from_packet(&ping), Ok(answer), "it knows of leases only");
    let block = begin_of_block().text("zoo").text("members");
    let data = first_version(block, &learner_info(1, PROTOCOL)).unwrap();
    let Ok(LearnerWord::Info(Info { block: Some(block), .. })) = first(&data) else { panic!() };
    assert_eq!(block.ended, Epoch(0));
    let block = NewBlock::new().number(1).number(2).number(3);
    let data = first_version(block, &PROTOCOL.to_be_bytes());
    let packet = QuorumPacket { kind: PacketKind::LEADERINFO, zxid: 1 << 32, data };
    let (directory, incarnation) = (DirectoryId(1), Incarnation(2));
    let (ensemble, ended, lease) = (EnsembleId(3), Epoch(0), None);
    let block = Some(LeaderBlock { directory, incarnation, ensemble, ended, lease });
    let word = LeaderWord::Info { epoch: Epoch(1), block };
    assert_eq!(LeaderWord::from_packet(&packet), Ok(word));
}

#[test]
fn what_only_ours_say_has_limits_as_well() {
    let packet =
        |kind, block: NewBlock| QuorumPacket { kind, zxid: -1, data: Some(block.behind(&[])) };
    let ids: Vec<_> = (0..=255).map(id).collect();
    let kind = PacketKind::WAITING;
    let waiting = |block: NewBlock| LeaderWord::from_packet(&packet(kind, block));
    assert!(waiting(NewBlock::new().number(9).ids(ids[..255].iter())).is_ok());
    let error = JuteError::Length { found: 256, min: -1, max: 255 };
    assert_eq!(
        waiting(NewBlock::new().number(9).ids(ids.iter())),
        Err(WordError::Block { kind, error })
    );
    let error = JuteError::Short { found: 12, expected: 20 };
    let announced = NewBlock::new().number(9).raw(&1_i32.to_be_bytes());
    assert_eq!(waiting(announced), Err(WordError::Block { kind, error }));
    let found = i64::MAX;
    let nobody = NewBlock::new().number(9).raw(&1_i32.to_be_bytes());
    assert_eq!(waiting(nobody.number(found.cast_unsigned())), Err(WordError::Id { kind, found }));
    let refused = |len: usize| {
        let block = NewBlock::new().text(&"x".repeat(len));
        LeaderWord::from_packet(&packet(PacketKind::REFUSED, block))
    };
    let reason = UntrustedText::shortened("x".repeat(1024), 1024);
    assert_eq!(refused(1024), Ok(LeaderWord::Refused { reason }));
    assert!(refused(1025).is_err());
    for kind in [PacketKind::WAITING, PacketKind::REFUSED, PacketKind::ENDED] {
        let word = LeaderWord::from_packet(&QuorumPacket::bare(kind, -1));
        assert_eq!(word, Err(WordError::NoBlock { kind }));
    }
}

#[test]
fn a_long_reason_is_shortened_before_it_is_sent() {
    let reason = UntrustedText::shortened("é".repeat(5000), 5000);
    let packet = LeaderWord::Refused { reason }.to_packet().unwrap();
    let Ok(LeaderWord::Refused { reason }) = LeaderWord::from_packet(&packet) else { panic!() };
    assert!(reason.to_string().ends_with("more bytes)"), "{reason}");
}

#[test]
fn what_a_leader_of_ours_need_not_know_is_a_sign_of_life() {
    let proposal_acknowledged = QuorumPacket::bare(PacketKind::ACK, 0x1_0000_0001);
    for packet in [
        proposal_acknowledged,
        QuorumPacket::bare(PacketKind::ACK, -1),
        QuorumPacket::bare(PacketKind::REQUEST, -1),
        QuorumPacket::bare(PacketKind(99), -1),
    ] {
        assert_eq!(LearnerWord::from_packet(&packet), Ok(LearnerWord::Other));
    }
    for kind in [PacketKind::PROPOSAL, PacketKind::COMMIT, PacketKind::INFORM, PacketKind(99)] {
        let packet = QuorumPacket::bare(kind, -1);
        assert_eq!(LeaderWord::from_packet(&packet), Ok(LeaderWord::Other));
    }
    let sessions = QuorumPacket { kind: PacketKind::PING, zxid: -1, data: Some(vec![7; 24]) };
    let pong = LearnerWord::Pong { number: None, promises: false, stands: false };
    assert_eq!(LearnerWord::from_packet(&sessions), Ok(pong), "a zxid of any kind");
}
