use std::{
    os::unix::fs::symlink,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use proptest::prelude::*;

use super::*;
use crate::scratch::Scratch;

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn file(&self) -> PathBuf {
        self.0.join("lease")
    }
}

const EPOCH: Epoch = Epoch(0x0102_0304_0506_0708);

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn lease() -> HeldLease {
    HeldLease { epoch: EPOCH, until: clock::reading().plus(LONG) }
}

/// What is read of a file that holds this.
fn read_of(folder: &Folder, content: &[u8]) -> Result<HeldLease, NoLease> {
    fs::write(folder.file(), content).unwrap();
    LeaseFile::read(&folder.file())
}

fn here() -> Boot {
    Boot::this().unwrap()
}

fn another() -> Boot {
    Boot::numbered(u128::from_be_bytes(here().bytes()) ^ 1)
}

#[test]
fn a_lease_reads_back_with_its_bytes_where_they_are_documented() {
    let folder = Folder::new();
    let file = LeaseFile::create(&folder.file()).unwrap();
    let until = Reading { boot: Duration::from_secs(1 << 30), raw: Duration::from_secs(1 << 31) };
    file.write(EPOCH, until).unwrap();
    assert_eq!(LeaseFile::read(&folder.file()), Ok(HeldLease { epoch: EPOCH, until }));
    let written = fs::read(folder.file()).unwrap();
    assert_eq!(written.len(), LEN);
    assert_eq!(written[..16], here().bytes());
    assert_eq!(written[16..24], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(written[24..32], (1_000_000_000_u64 << 30).to_be_bytes());
    assert_eq!(written[32..40], (1_000_000_000_u64 << 31).to_be_bytes());
    assert_eq!(written[40..], checksum(&written[..40]).to_be_bytes());
}

#[test]
fn a_lease_is_over_when_either_clock_has_passed_its_end() {
    let now = Reading { boot: Duration::from_secs(50), raw: Duration::from_secs(40) };
    let ends = |boot: u64, raw: u64| {
        let until = Reading {
            boot: Duration::from_millis(49_900 + boot),
            raw: Duration::from_millis(39_900 + raw),
        };
        let lease = HeldLease { epoch: EPOCH, until };
        (judge(Path::new("lease"), here(), (here().bytes(), lease), now), lease)
    };
    let over = |millis| Err(NoLease::Over { epoch: EPOCH, since: Duration::from_millis(millis) });
    for (boot, raw, expected) in
        [(100, 900, over(0)), (900, 100, over(0)), (900, 70, over(30)), (0, 70, over(100))]
    {
        assert_eq!(ends(boot, raw).0, expected);
    }
    let (held, lease) = ends(160, 900);
    assert_eq!(held, Ok(lease));
    assert_eq!(lease.left(now), Some(Duration::from_millis(60)));
    assert_eq!(lease.remaining(now), Duration::from_millis(10));
    let (held, lease) = ends(900, 101);
    assert_eq!(held, Ok(lease), "it is held, but there is no time to act");
    assert_eq!(lease.remaining(now), Duration::ZERO);
}

#[test]
fn whoever_does_not_lead_has_an_empty_file() {
    let folder = Folder::new();
    let path = UntrustedText::path(&folder.file());
    let empty = Err(NoLease::Empty { path: path.clone() });
    assert_eq!(LeaseFile::read(&folder.file()), Err(NoLease::NotThere { path }));
    let file = LeaseFile::create(&folder.file()).unwrap();
    assert_eq!(LeaseFile::read(&folder.file()), empty);
    let HeldLease { epoch, until } = lease();
    file.write(epoch, until).unwrap();
    assert!(LeaseFile::read(&folder.file()).is_ok());
    file.empty().unwrap();
    assert_eq!(LeaseFile::read(&folder.file()), empty);
    file.write(epoch, until).unwrap();
    // The next node of this directory does not lead yet.
    let _next = LeaseFile::create(&folder.file()).unwrap();
    assert_eq!(LeaseFile::read(&folder.file()), empty);
}

#[test]
fn a_lease_of_another_boot_is_none() {
    let folder = Folder::new();
    let path = UntrustedText::path(&folder.file());
    assert_eq!(read_of(&folder, &bytes(here(), lease())).map(|held| held.epoch), Ok(EPOCH));
    assert_eq!(read_of(&folder, &bytes(another(), lease())), Err(NoLease::OtherBoot { path }));
}

#[test]
fn a_changed_or_a_missing_byte_is_found_wherever_it_is() {
    let folder = Folder::new();
    let good = bytes(here(), lease());
    for at in 0..LEN {
        let short = read_of(&folder, &good[..at]).unwrap_err();
        let is_empty = matches!(short, NoLease::Empty { .. });
        let is_short =
            matches!(short, NoLease::Damaged { found: Damage::Short(length), .. } if length == at);
        assert!(if at == 0 { is_empty } else { is_short }, "{at} bytes: {short}");
        let mut changed = good;
        changed[at] ^= 4;
        let changed = read_of(&folder, &changed).unwrap_err();
        assert!(
            matches!(changed, NoLease::Damaged { found: Damage::Changed, .. }),
            "{at}: {changed}"
        );
    }
}

#[test]
fn what_a_later_version_has_added_behind_is_not_read() {
    let folder = Folder::new();
    let lease = lease();
    let longer = [&bytes(here(), lease)[..], b"more"].concat();
    assert_eq!(read_of(&folder, &longer), Ok(lease));
}

#[test]
fn an_epoch_that_no_leader_has_is_damage() {
    let folder = Folder::new();
    let negative = HeldLease { epoch: Epoch(-1), ..lease() };
    let found = read_of(&folder, &bytes(here(), negative)).unwrap_err();
    assert!(matches!(found, NoLease::Damaged { found: Damage::Changed, .. }), "{found}");
}

#[test]
fn a_lease_file_is_a_plain_file_that_everybody_may_read() {
    let folder = Folder::new();
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, b"mine").unwrap();
    symlink(&elsewhere, folder.file()).unwrap();
    assert!(LeaseFile::create(&folder.file()).is_err());
    assert!(LeaseFile::read(&folder.file()).is_err());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.file(), b"old").unwrap();
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o600)).unwrap();
    let _file = LeaseFile::create(&folder.file()).unwrap();
    let found = fs::metadata(folder.file()).unwrap();
    assert_eq!((found.len(), found.permissions().mode() & 0o777), (0, 0o644));
    let folder_itself = LeaseFile::read(&folder.0).unwrap_err();
    assert!(matches!(folder_itself, NoLease::NotRead { .. }), "{folder_itself}");
}

#[test]
fn a_torn_renewal_is_looked_at_again_and_told_from_damage() {
    let lease = lease();
    let [old, new] =
        [HeldLease { epoch: Epoch(1), ..lease }, lease].map(|lease| bytes(here(), lease));
    let half = |at: usize| [&new[..at], &old[at..]].concat();
    let looks = |looks: &[Vec<u8>]| {
        let mut looks = looks.iter().cloned().cycle();
        look_until_whole(Path::new("lease"), || Ok(looks.next().unwrap()))
    };
    assert_eq!(looks(&[half(20), half(40), new.to_vec()]), Ok((here().bytes(), lease)));
    let torn = Err(NoLease::Torn { path: "lease".into(), looks: LOOKS_MAX });
    assert_eq!(looks(&[half(20), half(40)]), torn);
    let damaged = Err(NoLease::Damaged { path: "lease".into(), found: Damage::Changed });
    assert_eq!(looks(&[half(20)]), damaged);
    let empty = Err(NoLease::Empty { path: "lease".into() });
    assert_eq!(looks(&[half(20), Vec::new()]), empty);
    let failed = look_until_whole(Path::new("lease"), || Err(io::ErrorKind::TimedOut.into()));
    assert!(matches!(failed, Err(NoLease::NotRead { .. })), "{failed:?}");
}

/// Readers meet renewals all the time, and none ever takes half of one for a lease, or a lease for damage.
#[test]
fn a_reader_in_the_midst_of_a_renewal_reads_what_was_there_before_or_after() {
    let folder = Folder::new();
    let path = folder.file();
    let file = LeaseFile::create(&path).unwrap();
    let until = |epoch: i64| {
        let spread = u64::from_ne_bytes([epoch.to_le_bytes()[0]; 8]) >> 2;
        let late = Duration::from_nanos(spread | 1 << 61);
        Reading { boot: late, raw: late + Duration::from_nanos(1) }
    };
    file.write(Epoch(1), until(1)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for epoch in (1..=127).cycle().take(20_000) {
                file.write(Epoch(epoch), until(epoch)).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            match LeaseFile::read(&path) {
                Ok(held) => assert_eq!(held.until, until(held.epoch.0)),
                // Sixteen renewals in a row: a machine that does nothing else. It is no lease, and no damage.
                Err(none) => assert!(matches!(none, NoLease::Torn { .. }), "{none}"),
            }
        }
    });
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_but_a_whole_lease_of_this_boot_is_held(
        content in prop::collection::vec(any::<u8>(), 0..100),
        is_signed: bool,
        is_here: bool,
        now in any::<(u64, u64)>(),
    ) {
        let mut content = content;
        if is_here && content.len() >= 16 {
            content[..16].copy_from_slice(&here().bytes());
        }
        if is_signed && content.len() >= LEN {
            let sum = checksum(&content[..40]);
            content[40..LEN].copy_from_slice(&sum.to_be_bytes());
        }
        let now = Reading { boot: Duration::from_nanos(now.0), raw: Duration::from_nanos(now.1) };
        let parsed = parse(&content[..content.len().min(LEN)]);
        let held = parsed.and_then(|parsed| judge(Path::new("lease"), here(), parsed, now).ok());
        if let Some(held) = held {
            prop_assert_eq!(&bytes(here(), held)[..], &content[..LEN]);
            prop_assert!(now.boot < held.until.boot && now.raw < held.until.raw);
        } else if is_signed && is_here && content.len() >= LEN && content[16] < 128 {
            let ends = [24, 32].map(|at| u64::from_be_bytes(content[at..at + 8].try_into().unwrap()));
            prop_assert!(now.boot.as_nanos() >= ends[0].into() || now.raw.as_nanos() >= ends[1].into());
        }
    }
}
