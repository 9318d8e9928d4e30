//! The faults of the examples, and the seeds that once failed.

use super::*;

#[test]
fn no_rule_breaks_in_the_faults_of_the_examples_either() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/faults");
    let all_good = |name, seeds: &[u64]| {
        let setup = setup(&VoteFile::read(&folder.join(name)).unwrap());
        for seed in seeds {
            assert_good(&play(&setup, *seed));
        }
    };
    let first: Vec<_> = (0..500).collect();
    all_good("chaos.json", &first[..50]);
    all_good("three-voters.json", &first);
    // These once failed.
    all_good("three-voters.json", &[99_070, 128_009, 155_915]);
    all_good("leases.json", &[929_121, 929_599, 915_787]);
}
