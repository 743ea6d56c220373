//! The comparison of cases with what the adapter does, and the writing of what is expected.

use std::fs;

use postern_sdk::{
    Adapter, Assembled, Assembler, AssemblyLimits, Exchange, Fault, Inbound, Message, Outcome, Reply, Stamp,
    Told,
};

use crate::case::{Case, read};
use crate::{diff, telling, trap};

/// Wide bounds, so that a case is limited by its own size only.
const LIMITS: AssemblyLimits =
    AssemblyLimits { keys_max: 64, parts_max: 1024, subjects_max: 1_000_000, open_ticks_max: 1 };

/// What the adapter does otherwise than the cases expect. Blesses instead if `POSTERN_BLESS` is set.
pub(crate) fn failures(adapter: &dyn Adapter, cases: &[Case]) -> Vec<String> {
    let bless = std::env::var_os("POSTERN_BLESS").is_some();
    let run = |case: &Case| {
        let run = Run { adapter, case, bless, failures: Vec::new() };
        trap::loudly(&format!("case {}", case.name), || run.run()).unwrap_or_else(|panic| vec![panic])
    };
    cases.iter().flat_map(run).collect()
}

/// The run of one case.
struct Run<'a> {
    adapter: &'a dyn Adapter,
    case: &'a Case,
    bless: bool,
    failures: Vec<String>,
}

impl Run<'_> {
    fn run(mut self) -> Vec<String> {
        let inbounds: Vec<Inbound> = self
            .case
            .frames
            .iter()
            .flat_map(|frame| self.adapter.decode(frame, &self.case.options))
            .collect();
        match serde_json::to_string_pretty(&inbounds) {
            Ok(text) => self.compare("inbound.json", format!("{text}\n").as_bytes()),
            Err(e) => self.failures.push(format!("{}: inbounds don't serialise: {e}", self.case.name)),
        }
        let exchanges = exchanges(&inbounds);
        self.tell_all("told", "reply", Message::Answer, &exchanges);
        self.tell_all("update", "update_reply", Message::Update, &exchanges);
        self.refuse_all(&inbounds);
        self.failures
    }

    /// Compares the replies to each `told.json` and `told.NAME.json`.
    fn tell_all(&mut self, stem: &str, reply_stem: &str, message: Message, exchanges: &[Exchange]) {
        let case = self.case;
        for file in case.files.iter().filter(|file| file.ends_with(".json")) {
            let Some(rest) = file.strip_prefix(stem) else { continue };
            let Some(variant) = rest.strip_suffix(".json") else { continue };
            if !variant.is_empty() && !variant.starts_with('.') {
                continue;
            }
            match self.replies(file, variant, message, exchanges) {
                Ok(replies) => self.compare_replies(&format!("{reply_stem}{variant}"), &replies),
                Err(failure) => self.failures.push(format!("{}/{file}: {failure}", case.name)),
            }
        }
    }

    fn replies(
        &self,
        file: &str,
        variant: &str,
        message: Message,
        exchanges: &[Exchange],
    ) -> Result<Vec<Reply>, String> {
        let stamp = self.stamp(variant)?;
        let value: serde_json::Value = self.case.json(file)?.unwrap_or_default();
        let mut replies = Vec::new();
        for exchange in exchanges {
            let told = told(value.clone(), exchange.subjects.len(), &stamp)?;
            let encoded = self.adapter.encode(exchange, &told, message, &stamp);
            replies.extend(encoded.map_err(|fault| format!("encoding fails: {fault}"))?);
        }
        if replies.is_empty() { Err("no reply".to_owned()) } else { Ok(replies) }
    }

    fn stamp(&self, variant: &str) -> Result<Stamp, String> {
        let own = self.case.json(&format!("stamp{variant}.json"))?;
        let common = if own.is_none() { self.case.json("stamp.json")? } else { None };
        Ok(own.or(common).unwrap_or_else(telling::stamp))
    }

    fn refuse_all(&mut self, inbounds: &[Inbound]) {
        let faults: Vec<&Fault> = inbounds
            .iter()
            .filter_map(|inbound| if let Inbound::Fault(fault) = inbound { Some(fault) } else { None })
            .collect();
        if faults.is_empty() {
            return;
        }
        match self.stamp("") {
            Ok(stamp) => {
                let refusals: Vec<Reply> = faults.iter().map(|f| self.adapter.refuse(f, &stamp)).collect();
                self.compare_replies("refusal", &refusals);
            }
            Err(failure) => self.failures.push(failure),
        }
    }

    /// Compares replies with the files of a stem, which are exactly as many.
    fn compare_replies(&mut self, stem: &str, replies: &[Reply]) {
        let names: Vec<String> = replies
            .iter()
            .enumerate()
            .map(|(index, reply)| file_name(stem, index, replies.len(), reply))
            .collect();
        for stale in self.case.files_of(stem).filter(|file| !names.iter().any(|name| name == file)) {
            let path = self.case.folder.join(stale);
            if !self.bless || fs::remove_file(&path).is_err() {
                self.failures.push(format!("{}/{stale}: there is no such reply", self.case.name));
            }
        }
        for (name, reply) in names.iter().zip(replies) {
            self.compare(name, &reply.body);
        }
    }

    fn compare(&mut self, file: &str, found: &[u8]) {
        let path = self.case.folder.join(file);
        if self.bless {
            if let Err(e) = fs::write(&path, found) {
                self.failures.push(format!("{}: {e}", path.display()));
            }
            return;
        }
        match read(&path) {
            Ok(expected) if expected == found => {}
            Ok(expected) => {
                let difference = diff::lines(&expected, found);
                self.failures.push(format!("{}/{file} differs {difference}", self.case.name));
            }
            Err(e) => self.failures.push(format!("{e}: POSTERN_BLESS=1 writes it")),
        }
    }
}

/// The questions in the inbounds, those in parts assembled.
pub(crate) fn exchanges(inbounds: &[Inbound]) -> Vec<Exchange> {
    let mut assembler = Assembler::new(LIMITS);
    inbounds
        .iter()
        .filter_map(|inbound| match inbound {
            Inbound::Query(exchange) => Some(exchange.clone()),
            Inbound::Part(part) => match assembler.add(part.clone(), 0) {
                Ok(Assembled::Whole(exchange)) => Some(*exchange),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// What a told file says: a word that stands for an outcome of every subject, or one value a subject.
fn told(value: serde_json::Value, subjects: usize, stamp: &Stamp) -> Result<Vec<Told>, String> {
    if let Some(word) = value.as_str() {
        let outcome: Outcome = telling::outcome(word).ok_or("the word stands for no outcome")?;
        return Ok(vec![Told::of(&outcome, stamp.view); subjects]);
    }
    let told: Vec<Told> = serde_json::from_value(value).map_err(|e| e.to_string())?;
    if told.len() == subjects {
        Ok(told)
    } else {
        Err(format!("{} entries for {subjects} subjects", told.len()))
    }
}

fn file_name(stem: &str, index: usize, count: usize, reply: &Reply) -> String {
    let media = reply.content_type.split(';').next().unwrap_or_default();
    let ext = match media {
        "text/plain" => "txt",
        _ if media.ends_with("json") => "json",
        _ if media.ends_with("xml") => "xml",
        _ if media.starts_with("text/") => "txt",
        _ => "bin",
    };
    if count == 1 { format!("{stem}.{ext}") } else { format!("{stem}.{}.{ext}", index + 1) }
}
