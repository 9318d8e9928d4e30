//! The faults of the examples, and the seeds that once failed.

use super::*;

#[test]
fn no_rule_breaks_in_the_faults_of_the_examples_either() {
    let all_good = |name, seeds: &[u64]| {
        let setup = setup(&example(name));
        for seed in seeds {
            assert_good(&play(&setup, *seed));
        }
    };
    let first: Vec<_> = (0..500).collect();
    all_good("faults/chaos.json", &first[..50]);
    all_good("faults/three-voters.json", &first);
    // These once failed.
    all_good("faults/three-voters.json", &[99_070, 128_009, 155_915]);
    all_good("faults/leases.json", &[929_121, 929_599, 915_787]);
}
