//! The operational log: ids, classes and durations, on standard error.
//!
//! Personal data has no place in it, and [`postern_sdk::Personal`] can't be printed. Libraries know nothing of that
//! rule: at their finer levels they write headers and bytes. So whatever level is set, only Postern's own events follow
//! it; a library is heard from `warn` on. Control characters are escaped by the writer, so that a value from outside
//! can't forge a line.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::config::{Log, LogFormat, LogLevel};

/// Begins to log to standard error. Later calls change nothing.
pub fn init(log: Log) {
    // A second call comes from a test or a command that runs two daemons; the first log stays.
    let _ = tracing::subscriber::set_global_default(subscriber(log, io::stderr));
}

fn subscriber<W>(log: Log, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<_> + Send + Sync> = match log.format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).boxed(),
    };
    registry().with(layer.with_filter(filter(log.level)))
}

fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("postern", own)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: Log, events: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        tracing::subscriber::with_default(subscriber(log, move || writer.clone()), events);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    // Proves that a value with line breaks and escapes can't forge a line or steer a terminal.
    #[test]
    fn control_characters_are_escaped() {
        let text = logged(Log::default(), || {
            tracing::info!(peer = "a\nb\u{1b}[31m", "A line came\u{1b}[2J.");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    // Proves that each line of the JSON form is an object with the event's fields.
    #[test]
    fn json_lines() {
        let log = Log { format: LogFormat::Json, ..Log::default() };
        let text = logged(log, || tracing::warn!(lane = "gate", "The lane is full."));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["lane"], "gate");
        assert_eq!(line["level"], "WARN");
    }

    // Proves that a level is kept, and that libraries stay silent below `warn` whatever it is.
    #[test]
    fn levels() {
        let log = Log { level: LogLevel::Trace, ..Log::default() };
        let text = logged(log, || {
            tracing::trace!("own");
            tracing::info!(target: "hyper::proto", "bytes");
            tracing::warn!(target: "hyper::proto", "trouble");
        });
        assert!(text.contains("own") && text.contains("trouble") && !text.contains("bytes"), "{text}");
        let log = Log { level: LogLevel::Error, ..Log::default() };
        assert_eq!(logged(log, || tracing::warn!("own")), "");
    }
}
