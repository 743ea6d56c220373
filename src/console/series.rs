//! Every series that Postern counts: the one list behind `# HELP`, the reference in `docs/metrics.md`, and its test.

/// A series: its name and what it tells.
pub type Described = (&'static str, &'static str);

/// The series, in the order of their names. Labels stand in the text.
pub const SERIES: &[Described] = &[
    ("postern_batch_hits_total", "Rows of batches with a hit or a possible one."),
    ("postern_batch_open", "Batches that are worked off."),
    ("postern_batch_rows_left", "Rows of them that have no result yet."),
    ("postern_batch_rows_total", "Rows of batches by result: screened, refused."),
    ("postern_copy_changes", "Changes by dataset since its base, held in memory until they are folded."),
    ("postern_copy_data_as_of_seconds", "When the data by dataset was extracted, in seconds since 1970."),
    (
        "postern_copy_fold_failures_total",
        "Folds of changes into a new base that failed; the state stays in service.",
    ),
    ("postern_copy_folds_total", "Folds of changes into a new base."),
    (
        "postern_copy_key_failures_total",
        "Requests to the key server that gave no key, while the copy was locked.",
    ),
    (
        "postern_copy_key_on_disk",
        "1 if the site's key lies on the disk of the copy or the journal, and opens a stolen disk; else 0.",
    ),
    ("postern_copy_locked", "1 while the site's key is waited for and the copy answers nothing; else 0."),
    ("postern_copy_purges_total", "Datasets whose key was destroyed."),
    ("postern_copy_records", "Records by dataset that is in service."),
    (
        "postern_copy_refused_total",
        "States, roots and withdrawals by code that were refused when the copy's folder was looked at: each is an alarm.",
    ),
    ("postern_copy_version", "The version by dataset that is in service."),
    (
        "postern_duplicates_total",
        "Messages by lane that were answered with the recorded reply of the same sender's id.",
    ),
    ("postern_exchange_seconds", "Time by lane from a message's last byte to its durable answer."),
    (
        "postern_feed_as_of_seconds",
        "When the data of the newest state by dataset was extracted, that a feed became; in seconds since 1970.",
    ),
    ("postern_feed_fetched_bytes_total", "Bytes by source of feeds that were received."),
    (
        "postern_feed_fetched_seconds",
        "When a source last gave its feed, or said that it is unchanged; in seconds since 1970.",
    ),
    (
        "postern_feed_fetches_total",
        "Fetches by source and result: new, unchanged, or the code of what went wrong.",
    ),
    (
        "postern_feed_held",
        "1 by dataset while changes wait because earlier ones were refused: it needs a person; else 0.",
    ),
    ("postern_feed_published_total", "Feeds by dataset that became a version."),
    (
        "postern_feed_refused_total",
        "Feeds by dataset and code that were put aside as faulty, each with a report: it needs a person.",
    ),
    ("postern_feed_troubles_total", "Looks at the watched folder by code that left feeds where they are."),
    ("postern_feed_waiting", "Feeds that were in the watched folder at the last look."),
    ("postern_fetches_total", "Records in full and files by kind and result that the second line asked for."),
    (
        "postern_find_breaker_control",
        "Who decides by service of FIND: 0 the breaker, 1 an operator holds it closed, 2 holds it open.",
    ),
    ("postern_find_breaker_openings_total", "How often by service of FIND the breaker opened."),
    ("postern_find_breaker_state", "The breaker by service of FIND: 0 closed, 1 half open, 2 open."),
    (
        "postern_find_certificate_days",
        "Days by what ends (certificate, authority, revocation_list) until the first does; negative once it has.",
    ),
    (
        "postern_find_certificate_files_refused",
        "1 while the files of certificates for FIND hold something that can't be used, and the ones before are; else 0.",
    ),
    (
        "postern_find_certificates_refused_total",
        "Certificates of INTERPOL's gateway, or of the hub, by code that were refused: each is an alarm.",
    ),
    (
        "postern_find_request_seconds",
        "Time by service of FIND and step (search, details, relay) of a request.",
    ),
    ("postern_find_requests_total", "Requests by service of FIND and result."),
    ("postern_find_retries_total", "Requests by service of FIND that were repeated at once."),
    (
        "postern_find_unknown_codes_total",
        "Codes by service of FIND and table that the profile does not know; they are kept as written.",
    ),
    ("postern_hub_bytes_total", "Bytes of files that the hub has sent to sites."),
    ("postern_hub_connections", "Connections of sites with the hub that are open."),
    (
        "postern_hub_refused_connections_total",
        "Connections with the hub that were turned away for want of room.",
    ),
    ("postern_hub_requests_total", "Requests to the hub by code: ok, revoked, not_enrolled and the like."),
    ("postern_journal_damaged_places", "Damaged places that the journal's opening found."),
    (
        "postern_journal_dropped_unsynced_total",
        "Records nobody waits for (refusals, replies sent) that were dropped under load.",
    ),
    (
        "postern_journal_failed_groups_total",
        "Groups of records that could not be made durable: their lanes were told to refer.",
    ),
    ("postern_journal_groups_total", "Groups of records that shared a write and a sync."),
    ("postern_journal_last_sync_seconds", "How long the latest write and sync took."),
    ("postern_journal_records_total", "Records made durable."),
    ("postern_journal_sync_microseconds_total", "Time spent on writes and syncs."),
    ("postern_lane_connections", "Connections by lane that are open."),
    (
        "postern_lane_faults_total",
        "Faults by lane and code that the lane itself met: framing, size, time, handshake, denied.",
    ),
    ("postern_lane_frames_total", "Frames by lane that were handed over."),
    ("postern_lane_refused_connections_total", "Connections by lane that were turned away for want of room."),
    (
        "postern_late_answers_dropped_total",
        "Answers of FIND that came too late and found no room; their recheck stands.",
    ),
    ("postern_late_answers_total", "Answers of FIND that came after the lane's deadline and were recorded."),
    ("postern_metric_series_dropped_total", "Series that were not taken up because there were too many."),
    (
        "postern_recheck_asked_total",
        "Questions that FIND was asked later because it could not be asked at their time.",
    ),
    (
        "postern_recheck_disagreements_total",
        "Rechecks by database and kind in which FIND said otherwise than the copy had: copy_missed, copy_hit_not_confirmed.",
    ),
    (
        "postern_recheck_hits_total",
        "Hits that FIND told in a recheck and that nobody had been told of before.",
    ),
    (
        "postern_recheck_oldest_age_seconds",
        "How long ago the oldest question was screened that is open; 0 if none is.",
    ),
    ("postern_recheck_open", "Questions that are to be asked again: a subject, a query and a database each."),
    (
        "postern_recheck_places_total",
        "What became of questions that were to be asked again, by database and state: answered, open, closed, expired, unreadable.",
    ),
    ("postern_refusals_total", "Messages by lane that were refused in the native form."),
    (
        "postern_relay_questions_total",
        "Questions of edges by edge and result: answered, or the code of the refusal; strangers are one edge, unknown.",
    ),
    ("postern_screenings_total", "Screenings by lane and verdict."),
    ("postern_source_bytes_total", "Bytes of states that came from the hub."),
    (
        "postern_source_last_pull_timestamp_seconds",
        "When the hub was last asked for everything it has, in Unix time.",
    ),
    (
        "postern_source_pulls_total",
        "Pulls from the hub by result: ok, link, revoked, or the code of a refusal.",
    ),
    ("postern_unchecked_total", "Databases by name and reason that were not checked, once a screening."),
    (
        "postern_unrecorded_answers_total",
        "Answers by lane that could not be made durable in time: the lane was told to refer.",
    ),
];

/// The reference as it stands in `docs/metrics.md`.
pub fn reference() -> String {
    let head = "# Metrics\n\nWhat `/metrics` of the console tells, in Prometheus' text format. Labels are of few values and never \
                personal.\n\n| series | what it tells |\n|---|---|\n";
    SERIES.iter().fold(head.to_owned(), |text, (name, help)| text + &format!("| `{name}` | {help} |\n"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn sources(folder: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, names);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("series.rs") {
                let text = fs::read_to_string(path).unwrap();
                let named = |text: &&str| {
                    text.starts_with("postern_") && !text.starts_with("postern_x") && !text.contains(' ')
                };
                let quoted = text.split('"').filter(named);
                names.extend(quoted.map(str::to_owned));
            }
        }
    }

    // Proves that each series that the source counts is described, and each that is described is counted.
    #[test]
    fn every_series_is_described() {
        let mut names = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, SERIES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    // Proves that `docs/metrics.md` is what the list says; POSTERN_BLESS=1 writes it anew.
    #[test]
    fn reference_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        if std::env::var_os("POSTERN_BLESS").is_some() {
            fs::write(&path, reference()).unwrap();
        }
        assert!(fs::read_to_string(path).unwrap() == reference(), "run with POSTERN_BLESS=1");
    }
}
