//! What the benches share: their options, percentiles, and figures as a table for people or as lines for programs.

pub mod certificates;

use std::{
    io::{self, Write},
    process::{Command, ExitCode},
    time::Duration,
};

use async_global_executor::GlobalExecutorConfig;
use serde_json::json;

/// How a bench was asked to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// One JSON object a line instead of a table.
    pub json: bool,
    /// Few repetitions: to see that it runs, not for figures.
    pub quick: bool,
}

impl Options {
    /// Reads the arguments that cargo and the user gave.
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        for arg in args {
            match arg.as_str() {
                "--json" => options.json = true,
                "--quick" => options.quick = true,
                // cargo says this to every bench.
                "--bench" => {}
                other => return Err(format!("unknown argument {other}: --json and --quick exist")),
            }
        }
        Ok(options)
    }

    /// The first number, or the second one when only a quick look is wanted.
    pub const fn amount(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Runs a bench with these arguments, and turns what went wrong into an exit code.
pub fn run(
    args: impl Iterator<Item = String>,
    bench: impl FnOnce(Options) -> Result<(), String>,
) -> ExitCode {
    match Options::parse(args).and_then(bench) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this bench again under another program, one that changes what it may use. `None` when that was done already,
/// or cannot be.
pub fn again_under(command: &mut Command) -> Option<ExitCode> {
    const MARK: &str = "BALLOTBOX_BENCH_AGAIN";
    if std::env::var_os(MARK).is_some() {
        return None;
    }
    let command = command.arg(std::env::current_exe().ok()?).args(std::env::args_os().skip(1));
    let status = command.env(MARK, "yes").status().ok()?;
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every task on one thread: for one node that is the fastest choice.
pub fn one_runtime_thread() {
    let config = GlobalExecutorConfig::default().with_min_threads(1).with_max_threads(1);
    async_global_executor::init_with_config(config);
}

/// How many processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Half, nine tenths and 99 hundredths of the samples took no longer than this, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

impl Percentiles {
    /// Of one repetition.
    pub fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let nearest = |percent: usize| {
            let rank = (samples.len() * percent).div_ceil(100).max(1);
            samples.get(rank - 1).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e6)
        };
        Self { p50: nearest(50), p90: nearest(90), p99: nearest(99) }
    }

    /// The middle of several repetitions, for each percentile.
    fn median(repetitions: &[Self]) -> Self {
        let middle = |of: fn(&Self) -> f64| median(repetitions.iter().map(of).collect());
        Self { p50: middle(|r| r.p50), p90: middle(|r| r.p90), p99: middle(|r| r.p99) }
    }
}

/// The middle of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// One measured thing: a line of the table.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What a sample is.
    pub what: &'static str,
    /// How many nodes took part.
    pub nodes: usize,
    /// Who was measured: ours, or the baseline.
    pub subject: &'static str,
    /// The percentiles of each repetition.
    pub repetitions: Vec<Percentiles>,
    /// How many samples a repetition has.
    pub samples: usize,
    /// The median of the repetitions' p50 over the baseline's of the same repetition.
    pub ratio: Option<f64>,
}

impl Figure {
    /// A figure without a baseline, from the samples of one repetition.
    pub fn single(what: &'static str, nodes: usize, samples: Vec<Duration>) -> Self {
        Self {
            what,
            nodes,
            subject: "ballotbox",
            samples: samples.len(),
            repetitions: vec![Percentiles::of(samples)],
            ratio: None,
        }
    }
}

/// How long samples of a bench are, and so how they are printed.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Micros,
    Millis,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Micros => "us",
            Self::Millis => "ms",
        }
    }

    fn of(self, micros: f64) -> f64 {
        match self {
            Self::Micros => micros,
            Self::Millis => micros / 1e3,
        }
    }
}

/// Prints figures as they come in.
#[derive(Debug)]
pub struct Printer {
    options: Options,
    bench: &'static str,
    unit: Unit,
}

impl Printer {
    /// Begins the table.
    pub fn new(options: Options, bench: &'static str, unit: Unit) -> Self {
        let printer = Self { options, bench, unit };
        if !options.json {
            let unit = unit.name();
            let processors = processors();
            println(&format!("{bench}: {unit}, processors {processors}, one runtime thread"));
            println(&format!(
                "{:<34} {:>5}  {:<18} {:>9} {:>9} {:>9}  {:>13}  {:>6}",
                "what", "nodes", "who", "p50", "p90", "p99", "samples", "ratio"
            ));
        }
        printer
    }

    /// One line.
    pub fn figure(&self, figure: &Figure) {
        let Percentiles { p50, p90, p99 } = Percentiles::median(&figure.repetitions);
        let [p50, p90, p99] = [p50, p90, p99].map(|micros| self.unit.of(micros));
        if self.options.json {
            let unit = self.unit.name();
            let line = json!({
                "bench": self.bench,
                "what": figure.what,
                "nodes": figure.nodes,
                "who": figure.subject,
                "processors": processors(),
                "runtime_threads": 1,
                "repetitions": figure.repetitions.len(),
                "samples": figure.samples,
                "unit": unit,
                "p50": p50,
                "p90": p90,
                "p99": p99,
                "ratio": figure.ratio,
            });
            return println(&line.to_string());
        }
        let samples = format!("{} x {}", figure.repetitions.len(), figure.samples);
        let ratio = figure.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let line = format!(
            "{:<34} {:>5}  {:<18} {p50:>9.2} {p90:>9.2} {p99:>9.2}  {samples:>13}  {ratio:>6}",
            figure.what, figure.nodes, figure.subject,
        );
        println(line.trim_end());
    }
}

/// Something to know about the figures, where it does not mix with them.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Like the macro, but a reader that has gone away is no reason to panic.
pub fn println(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
