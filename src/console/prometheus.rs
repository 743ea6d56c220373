//! Metrics in Prometheus' text format.
//!
//! A recorder for the `metrics` facade that keeps every series in one map and writes the text when it is scraped. Labels
//! are of few values by rule (lane, database, reason, code), so the map stays small; beyond a limit new series are
//! dropped and counted rather than let grow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use super::series::SERIES;

/// Series at most.
const SERIES_MAX: usize = 5_000;

/// Upper bounds of the histogram buckets, in seconds.
const BOUNDS_S: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The recorder. Clones share the series.
#[derive(Clone, Default)]
pub struct Prometheus(Arc<RwLock<Series>>);

#[derive(Default)]
struct Series {
    counters: BTreeMap<Name, Arc<Count>>,
    gauges: BTreeMap<Name, Arc<Level>>,
    histograms: BTreeMap<Name, Arc<Buckets>>,
    help: BTreeMap<String, String>,
    dropped: u64,
}

/// Metric name and its rendered labels, without braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    metric: String,
    labels: String,
}

#[derive(Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// A gauge, as the bits of an f64.
#[derive(Default)]
struct Level(AtomicU64);

impl Level {
    fn update(&self, change: impl Fn(f64) -> f64) {
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
            Some(change(f64::from_bits(bits)).to_bits())
        });
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.update(|level| level + value);
    }

    fn decrement(&self, value: f64) {
        self.update(|level| level - value);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS_S.len() + 1],
    sum_ns: AtomicU64,
}

impl HistogramFn for Buckets {
    fn record(&self, seconds: f64) {
        let bucket = BOUNDS_S.partition_point(|bound| *bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add((seconds * 1e9) as u64, Ordering::Relaxed);
    }
}

impl Name {
    fn of(key: &Key) -> Self {
        let mut labels = String::new();
        for label in key.labels() {
            let comma = if labels.is_empty() { "" } else { "," };
            let value = label.value().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(labels, "{comma}{}=\"{value}\"", label.key());
        }
        Self { metric: key.name().to_owned(), labels }
    }
}

impl Series {
    fn full(&mut self) -> bool {
        let full = self.counters.len() + self.gauges.len() + self.histograms.len() >= SERIES_MAX;
        self.dropped += u64::from(full);
        full
    }
}

/// Gives the series of a key, made when it is new and there is room.
macro_rules! series {
    ($self:ident, $key:ident, $kind:ident, $handle:ident) => {{
        let name = Name::of($key);
        let mut series = $self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !series.$kind.contains_key(&name) && series.full() {
            $handle::noop()
        } else {
            $handle::from_arc(Arc::clone(series.$kind.entry(name).or_default()))
        }
    }};
}

impl Recorder for Prometheus {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&key, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        series!(self, key, counters, Counter)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        series!(self, key, gauges, Gauge)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        series!(self, key, histograms, Histogram)
    }
}

impl Prometheus {
    /// The recorder of this process. If there is one already, its series go there and this one stays empty.
    pub fn install() -> Self {
        let prometheus = Self::default();
        // A second recorder in one process is a test's.
        let _ = metrics::set_global_recorder(prometheus.clone());
        prometheus
    }

    fn describe(&self, key: &KeyName, help: &str) {
        let mut series = self.0.write().unwrap_or_else(PoisonError::into_inner);
        series.help.insert(key.as_str().to_owned(), help.to_owned());
    }

    /// Every series in Prometheus' text format.
    pub fn render(&self) -> String {
        let series = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut page = Page { text: String::new(), metric: String::new(), help: &series.help };
        for (name, count) in &series.counters {
            page.head(name, "counter");
            page.line(&name.metric, &name.labels, count.0.load(Ordering::Relaxed));
        }
        for (name, level) in &series.gauges {
            page.head(name, "gauge");
            page.line(&name.metric, &name.labels, f64::from_bits(level.0.load(Ordering::Relaxed)));
        }
        for (name, buckets) in &series.histograms {
            page.head(name, "histogram");
            page.histogram(name, buckets);
        }
        page.line("postern_metric_series_dropped_total", "", series.dropped);
        page.text
    }
}

struct Page<'a> {
    text: String,
    metric: String,
    help: &'a BTreeMap<String, String>,
}

impl Page<'_> {
    fn head(&mut self, name: &Name, kind: &str) {
        if self.metric == name.metric {
            return;
        }
        self.metric.clone_from(&name.metric);
        let described = SERIES.iter().find(|(known, _)| *known == name.metric).map(|(_, help)| *help);
        if let Some(help) = self.help.get(&name.metric).map(String::as_str).or(described) {
            let _ = writeln!(self.text, "# HELP {} {help}", name.metric);
        }
        let _ = writeln!(self.text, "# TYPE {} {kind}", name.metric);
    }

    fn line(&mut self, metric: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.text, "{metric} {value}"),
            labels => writeln!(self.text, "{metric}{{{labels}}} {value}"),
        };
    }

    fn histogram(&mut self, name: &Name, buckets: &Buckets) {
        let comma = if name.labels.is_empty() { "" } else { "," };
        let mut total = 0;
        for (i, count) in buckets.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = BOUNDS_S.get(i).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
            let labels = format!("{}{comma}le=\"{bound}\"", name.labels);
            self.line(&format!("{}_bucket", name.metric), &labels, total);
        }
        let sum = buckets.sum_ns.load(Ordering::Relaxed) as f64 / 1e9;
        self.line(&format!("{}_sum", name.metric), &name.labels, sum);
        self.line(&format!("{}_count", name.metric), &name.labels, total);
    }
}

#[cfg(test)]
mod tests {
    use metrics::{Label, Level as MetricLevel};

    use super::*;

    fn key(name: &'static str, labels: Vec<Label>) -> Key {
        Key::from_parts(name, labels)
    }

    const METADATA: Metadata<'static> = Metadata::new("test", MetricLevel::INFO, None);

    // Proves the text of a counter with labels that need escaping, and that one series is shared by its handles.
    #[test]
    fn counters_are_shared_and_escaped() {
        let prometheus = Prometheus::default();
        let lane = key("postern_x_total", vec![Label::new("lane", "a\"b\nc")]);
        prometheus.register_counter(&lane, &METADATA).increment(2);
        prometheus.register_counter(&lane, &METADATA).increment(3);
        let text = prometheus.render();
        assert!(text.contains("# TYPE postern_x_total counter\n"), "{text}");
        assert!(text.contains("postern_x_total{lane=\"a\\\"b\\nc\"} 5\n"), "{text}");
    }

    // Proves that histogram buckets are cumulative and that sum and count agree.
    #[test]
    fn histograms_are_cumulative() {
        let prometheus = Prometheus::default();
        let seconds = prometheus.register_histogram(&key("postern_x_seconds", vec![]), &METADATA);
        [0.0001, 0.003, 100.0].into_iter().for_each(|value| seconds.record(value));
        let text = prometheus.render();
        for line in [
            "postern_x_seconds_bucket{le=\"0.0001\"} 1",
            "postern_x_seconds_bucket{le=\"0.005\"} 2",
            "postern_x_seconds_bucket{le=\"+Inf\"} 3",
            "postern_x_seconds_count 3",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    // Proves that the number of series is bounded, and that the loss is told.
    #[test]
    fn series_are_bounded() {
        let prometheus = Prometheus::default();
        for i in 0..SERIES_MAX + 7 {
            prometheus
                .register_gauge(&key("postern_x", vec![Label::new("i", i.to_string())]), &METADATA)
                .set(1.0);
        }
        assert!(prometheus.render().contains("postern_metric_series_dropped_total 7"));
    }
}
