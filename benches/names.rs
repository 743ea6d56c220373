//! Names in the index against comparing every name by the same rules, in the same run, at 10 000, 100 000 and 300 000
//! persons. Of the questions three in ten are about listed persons whose names were changed, seven about others, and half
//! have a birth date. Absolute figures belong to the machine; ratios travel.
//!
//! `cargo bench --bench names [-- PERSONS]`

use std::hint::black_box;
use std::time::Instant;

use postern::mind::names::{Found, NameIndex};
use postern::sim::persons::{Change, asked, generate};
use postern_sdk::PersonKey;

const QUESTIONS: usize = 5_000;
/// Questions that every name is compared for, because that takes long.
const SCANNED: usize = 100;
const LIMIT: usize = 20;

/// A question, and whom it is about.
struct Question {
    key: PersonKey,
    person: Option<(String, Change)>,
}

fn main() {
    let only = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let sizes = only.map_or(vec![10_000, 100_000, 300_000], |size| vec![size]);
    sizes.into_iter().for_each(measure);
}

fn measure(size: usize) {
    let persons = generate(size, 1);
    let questions = questions(size);
    let begun = Instant::now();
    let index = NameIndex::build(persons).expect("a bench stays within the limits");
    println!(
        "{size} persons: build {:.2} s, {:.1} MB beside the persons, {index:?}",
        begun.elapsed().as_secs_f64(),
        index.bytes() as f64 / 1e6
    );
    let searched = run("index", &questions, |key| index.search(key, LIMIT));
    let scanned = run("every name", &questions[..SCANNED], |key| index.scan(key, LIMIT));
    let same = questions[..SCANNED].iter().filter(|question| agree(&index, &question.key)).count();
    println!("  the index answers {:.0} times as many, {same} of {SCANNED} the same", searched / scanned);
    by_change(&index, &questions);
}

fn questions(size: usize) -> Vec<Question> {
    let (listed, strangers) = (generate(size, 1), generate(QUESTIONS, 2));
    let question = |number: usize| {
        let (with_birth, seed) = (number.is_multiple_of(2), number as u64);
        if number % 10 >= 3 {
            let key = asked(&strangers[number], Change::None, with_birth, seed);
            return Question { key, person: None };
        }
        let (person, change) = (&listed[number * 7_919 % size], Change::ALL[number / 10 % Change::ALL.len()]);
        let key = asked(person, change, with_birth, seed);
        Question { key, person: Some((person.id.clone(), change)) }
    };
    (0..QUESTIONS).map(question).collect()
}

/// Asks and prints; questions a second.
fn run<'a>(name: &str, questions: &[Question], ask: impl Fn(&PersonKey) -> Found<'a>) -> f64 {
    let mut micros = Vec::with_capacity(questions.len());
    let (mut told, mut found, mut wide, mut strangers) = (0, 0, 0, 0);
    for question in questions {
        let begun = Instant::now();
        let answer = black_box(ask(black_box(&question.key)));
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
        told += answer.matches.len();
        found += usize::from(finds(question, &answer));
        wide += usize::from(answer.incomplete.is_some());
        strangers += usize::from(question.person.is_none() && !answer.matches.is_empty());
    }
    let rate = micros.len() as f64 / micros.iter().sum::<f64>() * 1e6;
    micros.sort_by(f64::total_cmp);
    let quantile = |part: f64| micros[((micros.len() - 1) as f64 * part) as usize];
    let listed = questions.iter().filter(|question| question.person.is_some()).count();
    println!(
        "  {name}: {rate:.0} questions/s, p50 {:.1} us, p99 {:.1} us; recall {:.3}, {:.2} told a question, {wide} \
         incomplete, {strangers} strangers with a match of {}",
        quantile(0.5),
        quantile(0.99),
        found as f64 / listed as f64,
        told as f64 / questions.len() as f64,
        questions.len() - listed,
    );
    rate
}

/// Whether index and comparison tell the same persons.
fn agree(index: &NameIndex, key: &PersonKey) -> bool {
    let ids = |found: Found<'_>| -> Vec<(String, u16)> {
        found.matches.iter().map(|found| (found.person.id.clone(), found.permille)).collect()
    };
    ids(index.search(key, LIMIT)) == ids(index.scan(key, LIMIT))
}

fn finds(question: &Question, answer: &Found<'_>) -> bool {
    let told = |id: &String| answer.matches.iter().any(|found| found.person.id == *id);
    question.person.as_ref().is_some_and(|(id, _)| told(id))
}

/// Prints the share of persons found through each change, without and with the birth date.
fn by_change(index: &NameIndex, questions: &[Question]) {
    for change in Change::ALL {
        let recall = |with_birth: bool| {
            let about = |question: &&Question| {
                question.person.as_ref().is_some_and(|person| person.1 == change)
                    && question.key.birth.is_some() == with_birth
            };
            let asked: Vec<&Question> = questions.iter().filter(about).collect();
            let found = asked.iter().filter(|question| finds(question, &index.search(&question.key, LIMIT)));
            found.count() as f64 / asked.len() as f64
        };
        println!(
            "  {change:?}: recall {:.3} by name, {:.3} with the birth date",
            recall(false),
            recall(true)
        );
    }
}
