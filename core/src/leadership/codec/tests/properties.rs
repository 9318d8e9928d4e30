use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn any_epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![0..=9_i64, 0..=EPOCH_MAX.0].prop_map(Epoch)
}

fn any_id() -> impl Strategy<Value = ServerId> {
    (0..=ServerId::MAX.number()).prop_map(id)
}

fn any_info() -> impl Strategy<Value = Info> {
    let numbers = (any::<u64>(), any::<u64>(), prop::option::of(any::<u64>()));
    let marks = (any::<bool>(), any::<bool>(), any::<bool>());
    let epochs = (any_epoch(), any_epoch(), any_epoch());
    let block = (numbers, marks, epochs, "[a-zé]{0,20}", any::<String>());
    let block = block.prop_map(|(numbers, marks, (epoch_floor, current, ended), name, members)| {
        LearnerBlock {
            directory: DirectoryId(numbers.0),
            incarnation: Incarnation(numbers.1),
            recorded: marks.0,
            new_ensemble: marks.1,
            epoch_floor,
            current,
            ensemble: numbers.2.map(EnsembleId),
            confirmed: marks.2,
            ensemble_name: name.into(),
            members: members.into(),
            ended,
        }
    });
    let role = prop_oneof![Just(Role::Voter), Just(Role::Observer)];
    let id = prop::option::of(any_id());
    (id, role, any_epoch(), prop::option::of(block)).prop_map(|(id, role, accepted, block)| Info {
        id,
        role,
        accepted,
        block,
    })
}

fn any_bond() -> impl Strategy<Value = Bond> {
    (prop::option::of(any_id()), any_epoch(), any::<u64>()).prop_map(|(to, epoch, rest)| Bond {
        to,
        epoch,
        rest: Duration::from_nanos(rest),
    })
}

fn any_learner_word() -> impl Strategy<Value = LearnerWord> {
    prop_oneof![
        any_info().prop_map(LearnerWord::Info),
        (prop::option::of(any_epoch()), any::<i64>(), prop::option::of(any_bond())).prop_map(
            |(current, zxid, bond)| LearnerWord::AckEpoch { current, zxid: Zxid(zxid), bond }
        ),
        any_epoch().prop_map(|epoch| LearnerWord::Ack { epoch }),
        prop::option::of((any::<u64>(), any::<bool>(), any::<bool>())).prop_map(|answer| {
            let (number, promises, stands) = answer
                .map_or((None, false, false), |(number, promises, stands)| {
                    (Some(number), promises, stands)
                });
            LearnerWord::Pong { number, promises, stands }
        }),
        any_epoch().prop_map(|epoch| LearnerWord::HasEnded { epoch }),
    ]
}

fn any_leader_word() -> impl Strategy<Value = LeaderWord> {
    let lease = prop::option::of((1..=u64::MAX, any::<u32>()).prop_map(|(length, drift_ppm)| {
        LeaseTerms { length: Duration::from_nanos(length), drift_ppm }
    }));
    let block = (any::<[u64; 3]>(), any_epoch(), lease).prop_map(
        |([directory, incarnation, ensemble], ended, lease)| LeaderBlock {
            directory: DirectoryId(directory),
            incarnation: Incarnation(incarnation),
            ensemble: EnsembleId(ensemble),
            ended,
            lease,
        },
    );
    let ended = (any_id(), any::<[u64; 2]>(), any_epoch()).prop_map(
        |(leader, [directory, incarnation], epoch)| {
            let (directory, incarnation) = (DirectoryId(directory), Incarnation(incarnation));
            HasEnded { holder: Holder { leader, directory, incarnation }, epoch }
        },
    );
    let nomination =
        (any_id(), any_epoch(), any::<[i64; 2]>()).prop_map(|(leader, epoch, [zxid, round])| {
            Nomination { vote: Vote { epoch, zxid: Zxid(zxid), leader }, round: Round(round) }
        });
    prop_oneof![
        (any_epoch(), prop::option::of(block))
            .prop_map(|(epoch, block)| LeaderWord::Info { epoch, block }),
        any::<i64>().prop_map(|zxid| LeaderWord::Sync { zxid: Zxid(zxid) }),
        (any_epoch(), any::<bool>())
            .prop_map(|(epoch, founding)| LeaderWord::NewLeader { epoch, founding }),
        Just(LeaderWord::UpToDate),
        (any_epoch(), prop::option::of(any::<u64>()))
            .prop_map(|(epoch, number)| LeaderWord::Ping { epoch, number }),
        any_epoch().prop_map(|epoch| LeaderWord::Recorded { epoch }),
        (any_epoch(), prop::option::of(nomination))
            .prop_map(|(epoch, nomination)| LeaderWord::Released { epoch, nomination }),
        ended.prop_map(LeaderWord::HasEnded),
        (any::<u64>(), prop::collection::btree_set(any_id(), 0..20))
            .prop_map(|(number, missing)| LeaderWord::Waiting { number, missing }),
        "\\PC{0,60}".prop_map(|reason| LeaderWord::Refused { reason: reason.into() }),
    ]
}

/// A packet as others may send it: of any kind, the data with or without what a block begins with.
fn any_packet() -> impl Strategy<Value = QuorumPacket> {
    let kind = prop_oneof![1..20_i32, 100..106_i32, any::<i32>()].prop_map(PacketKind);
    let known = prop_oneof![
        Just(Vec::new()),
        Just(PROTOCOL.to_be_bytes().to_vec()),
        Just(learner_info(1, PROTOCOL))
    ];
    let data = prop::collection::vec(prop_oneof![2 => Just(0_u8), 1 => any::<u8>()], 0..120);
    (kind, any::<i64>(), known, any::<bool>(), data).prop_map(|(kind, zxid, known, block, data)| {
        let data =
            if block { NewBlock::new().raw(&data).behind(&known) } else { [known, data].concat() };
        QuorumPacket { kind, zxid, data: Some(data) }
    })
}

proptest! {
    #[test]
    fn what_a_learner_says_is_understood(word in any_learner_word()) {
        let packet = word.to_packet().unwrap();
        prop_assert_eq!(LearnerWord::from_packet(&packet), Ok(word));
    }

    #[test]
    fn what_a_leader_says_is_understood(word in any_leader_word()) {
        let packet = word.to_packet().unwrap();
        prop_assert_eq!(LeaderWord::from_packet(&packet), Ok(word));
    }

    #[test]
    fn no_packet_at_all_can_stop_the_reader(packet in any_packet()) {
        if let Ok(word) = LearnerWord::from_packet(&packet)
            && let Some(written) = word.to_packet()
        {
            prop_assert_eq!(LearnerWord::from_packet(&written), Ok(word));
        }
        if let Ok(word) = LeaderWord::from_packet(&packet)
            && let Some(written) = word.to_packet()
        {
            prop_assert_eq!(LeaderWord::from_packet(&written), Ok(word));
        }
    }
}
