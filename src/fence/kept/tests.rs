use proptest::prelude::*;

use super::*;
use crate::{
    fence::Refused,
    files::{FileCall, MemoryFiles},
};

const NAME: &str = "accounts.fence";

type InMemory = Kept<MemoryFiles>;

fn token(number: u64) -> Token {
    Token::new(number, ServerId::new(number % 3).unwrap())
}

fn open(files: MemoryFiles) -> InMemory {
    Kept::open(files, NAME, false, None).unwrap()
}

/// What a process finds that is started after a crash of the machine, or of the process before it: for each number of changes of
/// names that made it to the disk in time.
fn after_crash(files: &MemoryFiles) -> Vec<MemoryFiles> {
    let changes = files.clone().crash_keeping(0);
    let crashed = |kept| {
        let mut files = files.clone();
        files.crash_keeping(kept);
        files
    };
    let mut restarted = files.clone();
    restarted.restart();
    (0..=changes).map(crashed).chain([restarted]).collect()
}

fn crashed(files: &MemoryFiles) -> MemoryFiles {
    let mut files = files.clone();
    files.crash();
    files
}

/// F3: a crash before each call that is made when `new` is admitted. Returns how many calls there are.
fn crash_at_every_call(before: &InMemory, new: Token) -> u32 {
    let old = before.highest();
    for calls in 0.. {
        let mut kept = before.clone();
        kept.files.stop_after(calls);
        let admitted = kept.admit(new).is_ok();
        for disk in after_crash(&kept.files) {
            let again = open(disk);
            assert!([old, Some(new)].contains(&again.highest()), "{calls} calls");
            assert!(!admitted || again.highest() == Some(new), "{calls} calls");
            // What is found is what somebody is admitted by, so the next crash must not take it either.
            assert_eq!(open(crashed(&again.files)).highest(), again.highest(), "{calls} calls");
        }
        if admitted {
            return calls;
        }
    }
    unreachable!("at some time there are enough calls");
}

#[test]
fn a_crash_at_any_call_never_admits_less_than_before() {
    let mut kept = open(MemoryFiles::default());
    for number in [4, 7, 8] {
        // It is written, synced and renamed, and its folder synced.
        assert_eq!(crash_at_every_call(&kept, token(number)), 4);
        assert_eq!(kept.admit(token(number)), Ok(Admitted::Newer));
        assert_eq!(crash_at_every_call(&kept, token(number)), 0, "it is there already");
    }
}

#[test]
fn a_crash_while_a_fence_is_made_leaves_one_that_can_be_opened() {
    for calls in 0.. {
        let mut files = MemoryFiles::default();
        files.stop_after(calls);
        let opened = Kept::open(&mut files, NAME, false, None).is_ok();
        for disk in after_crash(&files) {
            assert_eq!(open(disk).highest(), None, "{calls} calls");
        }
        if opened {
            break;
        }
    }
}

proptest! {
    #[test]
    fn a_crash_anywhere_in_a_life_never_admits_less_than_before(
        life in prop::collection::vec((1_u64..9, 0_u32..12, 0_usize..5), 1..20),
    ) {
        let mut kept = open(MemoryFiles::default());
        let mut admitted = None;
        for (number, calls, names_kept) in life {
            kept.files.stop_after(calls);
            if kept.admit(token(number)).is_ok() {
                admitted = Some(token(number));
            }
            let mut files = kept.files;
            if names_kept == 4 { files.restart() } else { let _ = files.crash_keeping(names_kept); }
            kept = open(files);
            prop_assert!(kept.highest() >= admitted);
            admitted = kept.highest();
        }
    }
}

#[test]
fn what_another_process_has_just_written_is_on_disk_before_anybody_is_admitted_by_it() {
    let mut kept = open(MemoryFiles::default());
    kept.admit(token(4)).unwrap();
    // It is killed before it has synced the new name.
    kept.files.stop_after(3);
    assert!(kept.admit(token(5)).is_err());
    let mut files = kept.files.clone();
    files.restart();
    let mut next = open(files);
    assert_eq!(next.admit(token(5)), Ok(Admitted::Again));
    assert_eq!(open(crashed(&next.files)).highest(), Some(token(5)));
}

#[test]
fn a_full_disk_admits_nobody_new_and_goes_on_admitting_who_leads() {
    let mut kept = open(MemoryFiles::default());
    kept.admit(token(4)).unwrap();
    kept.files.set_full(true);
    let error = kept.admit(token(5)).unwrap_err();
    assert!(matches!(&error, FenceError::File(error) if error.may_pass()), "{error}");
    assert!(!loses_track(&error));
    assert_eq!(kept.admit(token(4)), Ok(Admitted::Again));
    assert_eq!(open(crashed(&kept.files)).highest(), Some(token(4)));
    kept.files.set_full(false);
    assert_eq!(kept.admit(token(5)), Ok(Admitted::Newer));
}

#[test]
fn after_a_failed_sync_it_is_not_known_what_is_on_disk() {
    for (calls, is_sync) in [(0, false), (1, true), (2, false), (3, true)] {
        let mut kept = open(MemoryFiles::default());
        kept.files.fail_after(calls, FileCause::Other("Input/output error".into()));
        let error = kept.admit(token(4)).unwrap_err();
        assert_eq!(loses_track(&error), is_sync, "{calls}: {error}");
    }
}

#[test]
fn who_is_refused_leaves_the_file_as_it_was() {
    let mut kept = open(MemoryFiles::default());
    kept.admit(token(4)).unwrap();
    let before = kept.clone();
    for number in [0, 3, u64::MAX] {
        let error = kept.admit(token(number)).unwrap_err();
        assert!(error.to_string().starts_with("accounts.fence: "), "{error}");
    }
    let stale = kept.admit(token(3));
    assert!(matches!(stale, Err(FenceError::Refused { refused: Refused::Stale { .. }, .. })));
    assert_eq!(kept, before);
}

#[test]
fn a_file_is_this_text() {
    let expected = "ballotbox fence 1\ntoken 42\nowner 0\nchecksum ";
    let written = String::from_utf8(text(Some(token(42)))).unwrap();
    assert!(written.starts_with(expected), "{written}");
    for highest in
        [None, Some(token(1)), Some(Token::without_owner(7)), Some(token(Token::NUMBER_MAX))]
    {
        assert_eq!(parse(&text(highest)), Ok(highest));
        let later = [text(highest).as_slice(), b"from a later version\n\xff"].concat();
        assert_eq!(parse(&later), Ok(highest));
    }
}

/// What lies there is refused with these words, and is still there.
fn refusal(content: &[u8]) -> String {
    let mut files = MemoryFiles::with([(NAME, content)]);
    let before = files.clone();
    let error = Kept::open(&mut files, NAME, true, None).unwrap_err();
    assert_eq!(files, before);
    assert!(matches!(error, FenceError::Text { .. }), "{error}");
    error.to_string()
}

#[test]
fn a_file_that_is_torn_or_damaged_anywhere_admits_nobody() {
    let whole = text(Some(token(42)));
    for length in 0..whole.len() {
        let told = refusal(&whole[..length]);
        assert!(told.contains("it is torn") && told.contains("restore it"), "{told}");
    }
    for at in 0..whole.len() {
        for flipped in [1, 4, 32, 128] {
            let mut damaged = whole.clone();
            damaged[at] ^= flipped;
            refusal(&damaged);
        }
    }
    assert!(refusal(&[0; 60]).contains("it begins with"));
    assert!(refusal(b"ballotbox fence 2\n").contains("use the version of ballotbox"));
    // A number that nobody could have been admitted with, though its checksum is right.
    let mut forged = "ballotbox fence 1\ntoken 2147483647\nowner no\n".to_owned();
    write_checksum(&mut forged);
    assert!(refusal(forged.as_bytes()).contains("it is damaged"));
}

#[test]
fn a_file_that_was_there_and_is_missing_admits_nobody() {
    let error = Kept::open(MemoryFiles::default(), NAME, true, None).unwrap_err();
    assert_eq!(error, FenceError::Missing { path: NAME.into() });
}

#[test]
fn a_file_that_cannot_be_read_admits_nobody() {
    let mut files = MemoryFiles::with([(NAME, text(Some(token(4))).as_slice())]);
    files.fail_after(0, FileCause::PermissionDenied);
    let error = Kept::open(files, NAME, true, None).unwrap_err();
    assert!(matches!(error, FenceError::File(FileError { call: FileCall::Read, .. })), "{error}");
}
