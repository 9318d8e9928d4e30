//! The text for Prometheus: one series for each fact, all there from the first scrape, none named by what others choose. `_total` is added to
//! the names of counters. Only the series of TLS are absent from a node that has none: 0 would be an end that has passed.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use ballotbox_actors::kit::clock;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, exemplar::Exemplar, gauge::ConstGauge},
    registry::Registry,
};

use crate::{
    ServerId,
    node::{Counters, LeadershipStatus, Status, Times, WorkPhase, control::StatusReport},
    tls::TlsStage,
};

/// The metrics of a node that is so.
pub(super) fn text(status: &Status, report: &StatusReport) -> String {
    let mut registry = Registry::with_prefix("ballotbox");
    let (status, report) = (status.clone(), report.clone());
    registry.register_collector(Box::new(Metrics { status, report }));
    let mut text = String::new();
    // A string takes everything.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// Every state that a report has a word for.
const STATES: [&str; 6] = ["starting", "looking", "leading", "retiring", "following", "observing"];

#[derive(Debug)]
struct Metrics {
    status: Status,
    report: StatusReport,
}

/// What writes one metric after another.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(self.0.encode_descriptor(name, help, None, kind)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, |metric| ConstGauge::new(value).encode(metric))
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, MetricType::Counter, |metric| {
            ConstCounter::new(value).encode(metric)
        })
    }

    /// One series for each of these labels.
    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        series: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, |mut metric| {
            for (value, gauge) in series {
                let labels = [(label, value)];
                ConstGauge::new(gauge).encode(metric.encode_family(&labels)?)?;
            }
            Ok(())
        })
    }

    fn histogram(&mut self, name: &str, help: &str, times: &Times) -> fmt::Result {
        let bounds = Times::BOUNDS.map(|bound| bound.as_secs_f64());
        let buckets: Vec<_> = bounds.into_iter().zip(times.counts).collect();
        let count = times.counts.iter().sum();
        let none: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
        self.family(name, help, MetricType::Histogram, |mut metric| {
            metric.encode_histogram(times.sum.as_secs_f64(), count, &buckets, none)
        })
    }
}

fn is(fact: bool) -> f64 {
    f64::from(u8::from(fact))
}

#[expect(clippy::cast_precision_loss, reason = "an epoch has 32 bits")]
fn number(epoch: i64) -> f64 {
    epoch as f64
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.of_the_state(&mut page)?;
        self.of_the_leadership(&mut page)?;
        self.of_the_surroundings(&mut page)?;
        self.of_the_work(&mut page)?;
        self.of_tls(&mut page)?;
        of_the_past(&mut page, &self.status.counters)
    }
}

impl Metrics {
    fn of_the_state(&self, page: &mut Page<'_>) -> fmt::Result {
        let Self { status, report } = self;
        let version = [(report.version.as_str(), 1.0)];
        page.gauges("build_info", "The version that runs; always 1.", "version", version)?;
        let states = STATES.map(|state| (state, is(state == report.state)));
        page.gauges("state", "1 for what the node is doing, 0 for all else.", "state", states)?;
        page.gauge(
            "leading",
            "Whether this node leads, by its clocks at this moment.",
            is(status.leads_now()),
        )?;
        page.gauge(
            "leader_known",
            "Whether this node leads, or follows a leader of which it has heard within the silence.",
            is(status.leads_now() || status.follows_now()),
        )?;
        let links: Vec<_> =
            report.voters.iter().filter_map(|voter| Some((voter.id, voter.link?))).collect();
        let links: Vec<_> = links.iter().map(|(id, up)| (id.to_string(), is(*up))).collect();
        let links = links.iter().map(|(peer, up)| (peer.as_str(), *up));
        page.gauges("link_up", "Whether there is a link to this voter.", "peer", links)
    }

    fn of_the_leadership(&self, page: &mut Page<'_>) -> fmt::Result {
        let report = &self.report;
        let epoch = report.leader.map_or(0, |leader| leader.epoch);
        page.gauge("epoch", "The epoch of the present leader; 0 without one.", number(epoch))?;
        let accepted = report.epoch.map_or(0, |epoch| epoch.accepted);
        let help = "The newest epoch that this node has given its word for.";
        page.gauge("accepted_epoch", help, number(accepted))?;
        let lease = report.lease.as_ref();
        let left = lease.and_then(|lease| lease.remaining_ms).map(Duration::from_millis);
        page.gauge(
            "lease_remaining_seconds",
            "How long nobody else can lead; 0 without a lease.",
            left.unwrap_or_default().as_secs_f64(),
        )?;
        let promises = lease.map_or(0, |lease| lease.promises.len());
        page.gauge(
            "promises",
            "How many voters have promised lately, this node among them, to elect nobody else before the lease is over.",
            f64::from(u32::try_from(promises).unwrap_or(u32::MAX)),
        )
    }
}

impl Metrics {
    /// What its disk, its clock and the others do to it. All 0 where elections are held alone.
    fn of_the_surroundings(&self, page: &mut Page<'_>) -> fmt::Result {
        let none = LeadershipStatus::default();
        let leadership = self.status.leadership.as_deref().unwrap_or(&none);
        let peers = self.report.voters.iter().filter(|voter| voter.link.is_some());
        let peers = peers.filter_map(|voter| ServerId::new(voter.id));
        let pings = peers.map(|peer| (peer, leadership.answers.round_trip(peer)));
        let pings: Vec<_> =
            pings.map(|(peer, took)| (peer.to_string(), took.as_secs_f64())).collect();
        let help = "How long this voter took to answer the last ping of this node that it has answered; 0 if this node does not lead.";
        let pings = pings.iter().map(|(peer, took)| (peer.as_str(), *took));
        page.gauges("ping_seconds", help, "peer", pings)?;
        page.gauge(
            "epoch_write_seconds",
            "How long the disk took the last time that epochs were written; 0 if they were not since the start.",
            leadership.last_write.unwrap_or_default().as_secs_f64(),
        )?;
        let help = "How often the process was held up for longer than half of the silence, or its machine slept for as long.";
        page.counter("clock_gaps", help, leadership.clock_gaps)?;
        let help = "Packets that came on sessions that were over for this node, and were ignored.";
        page.counter("stale_packets", help, leadership.stale_packets)
    }

    /// All 0 where there is no program.
    fn of_the_work(&self, page: &mut Page<'_>) -> fmt::Result {
        let work = self.status.leadership.as_ref().and_then(|of| of.work).unwrap_or_default();
        let runs = work.pid.is_some() && work.state != WorkPhase::Preparing;
        page.gauge("work_running", "Whether the program of this node runs.", is(runs))?;
        page.counter("work_starts", "How often it has begun.", work.starts)?;
        page.counter("work_killed", "How often it had to be killed.", work.kills)
    }

    /// Absent without TLS.
    fn of_tls(&self, page: &mut Page<'_>) -> fmt::Result {
        let Some(tls) = &self.report.tls else { return Ok(()) };
        let help = "1 for how this node speaks TLS with other members, 0 for all else.";
        let stages = TlsStage::ALL.map(TlsStage::word);
        let stages = stages.map(|stage| (stage, is(stage == tls.stage)));
        page.gauges("tls_stage", help, "stage", stages)?;
        let until = tls.certificate_until.duration_since(SystemTime::UNIX_EPOCH);
        page.gauge(
            "certificate_expiry_timestamp_seconds",
            "Until when the certificate of this node is valid, as seconds of Unix time.",
            until.unwrap_or_default().as_secs_f64(),
        )
    }
}

fn of_the_past(page: &mut Page<'_>, counters: &Counters) -> fmt::Result {
    page.counter("elections", "Elections that have ended here.", counters.elections)?;
    page.counter("leaderships", "How often this node has come to lead.", counters.leaderships)?;
    let help = "How often this node has led no more, by cause.";
    page.family("leaderships_ended", help, MetricType::Counter, |mut metric| {
        for (cause, times) in &counters.leaderships_ended {
            let labels = [("cause", *cause)];
            ConstCounter::new(*times).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    })?;
    let help = "Runs of the command of --on-change that have ended, by result.";
    page.family("hook_runs", help, MetricType::Counter, |mut metric| {
        for (result, times) in counters.hooks.runs() {
            let labels = [("result", result)];
            ConstCounter::new(times).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    })?;
    let help =
        "Changes that the command of --on-change had no run of its own for, as one was under way.";
    page.counter("hook_skipped", help, counters.hooks.skipped)?;
    page.histogram(
        "establish_seconds",
        "How long it took from looking until a leader was established.",
        &counters.establishing,
    )?;
    let without = counters.without_leader(clock::now()).as_secs_f64();
    let help = "For how long altogether nobody led, as far as this node knew.";
    page.family("without_leader_seconds", help, MetricType::Counter, |metric| {
        ConstCounter::new(without).encode(metric)
    })
}
