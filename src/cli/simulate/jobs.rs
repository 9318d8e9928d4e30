//! [`Jobs`]: many seeds played on several threads, and their runs in the order of the seeds.
//!
//! With N jobs, the first plays the first seed and every N-th after it, the second begins with the second seed, and so on.
//! Each reports through a channel of its own, and [`Jobs::next`] takes one run of each in turn: so the order is that of
//! the seeds however long a run takes, without a lock, and a job that is ahead waits when its channel is full.

use std::{
    io,
    num::NonZeroUsize,
    ops::RangeInclusive,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Duration,
    vec,
};

use ballotbox::scenario::simulation::{Run, Setup, play};
use ballotbox_actors::kit::clock;

/// At most this many threads, whatever was asked for.
pub(super) const JOBS_MAX: usize = 256;
/// A job reports its runs together, after this time or this number of runs: waking somebody for each would cost as much
/// as a short run.
const BATCH_TIME: Duration = Duration::from_millis(10);
const BATCH_RUNS: usize = 64;
/// At most this many batches of one job wait to be taken.
const BATCHES_WAITING: usize = 4;

/// Threads that play seeds. When it is dropped they end, each after the run that it is at.
pub(super) struct Jobs {
    lanes: Vec<Lane>,
    /// The lane that has the next seed.
    turn: usize,
}

/// One job, as seen from here.
struct Lane {
    batches: Receiver<Vec<Run>>,
    ready: vec::IntoIter<Run>,
    thread: Option<JoinHandle<()>>,
}

impl Jobs {
    /// Starts to play these seeds, with at most one job a seed.
    ///
    /// # Errors
    ///
    /// What the system said when it had no thread for a job.
    pub(super) fn start(
        setup: &Arc<Setup>,
        seeds: &RangeInclusive<u64>,
        jobs: NonZeroUsize,
    ) -> io::Result<Self> {
        let more_seeds = usize::try_from(seeds.end() - seeds.start()).unwrap_or(usize::MAX);
        let jobs = jobs.get().min(JOBS_MAX).min(more_seeds.saturating_add(1));
        let lane = |first| {
            let (sender, batches) = sync_channel(BATCHES_WAITING);
            let (setup, last) = (Arc::clone(setup), *seeds.end());
            let job = move || play_every(&setup, first, last, jobs, &sender);
            let thread = Builder::new().name("simulate".to_owned()).spawn(job)?;
            Ok(Lane { batches, ready: Vec::new().into_iter(), thread: Some(thread) })
        };
        let lanes = seeds.clone().take(jobs).map(lane).collect::<io::Result<_>>()?;
        Ok(Self { lanes, turn: 0 })
    }

    /// The run of the next seed, if it is there within this time. There has to be a next seed.
    ///
    /// # Panics
    ///
    /// With the panic of the job, if there was one.
    pub(super) fn next(&mut self, within: Duration) -> Option<Run> {
        let lane = &mut self.lanes[self.turn];
        if lane.ready.len() == 0 {
            match lane.batches.recv_timeout(within) {
                Ok(batch) => lane.ready = batch.into_iter(),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => lane.fail(),
            }
        }
        let run = lane.ready.next()?;
        self.turn = (self.turn + 1) % self.lanes.len();
        Some(run)
    }
}

impl Lane {
    /// A job ends early only by a panic, which goes on here.
    fn fail(&mut self) {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Plays every `step`-th seed, and hands the runs over until nobody takes them any more.
fn play_every(setup: &Arc<Setup>, first: u64, last: u64, jobs: usize, runs: &SyncSender<Vec<Run>>) {
    let mut batch = Vec::new();
    let mut begun = clock::now();
    for seed in (first..=last).step_by(jobs) {
        batch.push(play(setup, seed));
        let now = clock::now();
        if batch.len() >= BATCH_RUNS || now - begun >= BATCH_TIME {
            begun = now;
            if runs.send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
    }
    if !batch.is_empty() {
        // Nobody to take it is nobody to miss it.
        let _ = runs.send(batch);
    }
}

#[cfg(test)]
mod tests {
    use ballotbox::scenario::vote_file::VoteFile;

    use super::*;

    /// Far beyond what a run takes; only a hang gets there.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn setup() -> Arc<Setup> {
        let text = r#"{ "members": [{ "id": 1 }, { "id": 2 }, { "id": 3 }],
            "faults": { "until_ms": 900, "kills": 1, "breaks": 2 } }"#;
        Arc::new(Setup::new(&VoteFile::parse("test", text).unwrap()))
    }

    #[test]
    fn runs_come_in_the_order_of_their_seeds_whatever_the_number_of_jobs() {
        let setup = setup();
        let seeds = 5..=(5 + 3 * BATCH_RUNS as u64);
        let expected: Vec<_> = seeds.clone().map(|seed| play(&setup, seed)).collect();
        for count in [1, 2, 3, 7, 1000] {
            let mut jobs = Jobs::start(&setup, &seeds, NonZeroUsize::new(count).unwrap()).unwrap();
            let runs: Vec<_> = seeds.clone().map(|_| jobs.next(PATIENCE).unwrap()).collect();
            assert_eq!(runs, expected, "{count} jobs");
        }
    }

    #[test]
    fn the_last_seeds_there_are_can_be_played_and_one_seed_takes_one_job() {
        let setup = setup();
        let two = NonZeroUsize::new(2).unwrap();
        for (seeds, lanes) in [(u64::MAX - 2..=u64::MAX, 2), (u64::MAX..=u64::MAX, 1)] {
            let mut jobs = Jobs::start(&setup, &seeds, two).unwrap();
            assert_eq!(jobs.lanes.len(), lanes);
            for seed in seeds {
                assert_eq!(jobs.next(PATIENCE).unwrap().seed, seed);
            }
        }
    }

    #[test]
    fn jobs_that_nobody_waits_for_end() {
        let mut jobs = Jobs::start(&setup(), &(0..=u64::MAX), NonZeroUsize::MIN).unwrap();
        assert!(jobs.next(PATIENCE).is_some());
        let threads: Vec<_> = jobs.lanes.iter_mut().filter_map(|lane| lane.thread.take()).collect();
        drop(jobs);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
