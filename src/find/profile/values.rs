//! Values as the wire writes them, in both directions.

use postern_sdk::PartialDate;

use super::{Code, DateFormat, Profile};

impl Profile {
    /// What a result's code means, sent as a number or as text.
    pub fn result_code(&self, text: &str) -> Option<&Code> {
        code(&self.result, text)
    }

    /// What a block's status means, sent as a number or as text.
    pub fn status_code(&self, text: &str) -> Option<&Code> {
        code(&self.status, text)
    }

    /// The date that the wire writes so; zeros stand for what is not known.
    pub fn date(&self, text: &str) -> Option<PartialDate> {
        let text = text.trim();
        let digits: Vec<u8> = match self.values.date_format {
            DateFormat::Compact => text.bytes().collect(),
            DateFormat::Dashed => text.bytes().filter(|byte| *byte != b'-').collect(),
            DateFormat::Dotted => text.rsplit('.').flat_map(str::bytes).collect(),
        };
        let [c1, c2, y1, y2, m1, m2, d1, d2] = <[u8; 8]>::try_from(digits).ok()?;
        let known = |a: u8, b: u8| if (a, b) == (b'0', b'0') { [b'X', b'X'] } else { [a, b] };
        let year = if [c1, c2, y1, y2] == *b"0000" { *b"XXXX" } else { [c1, c2, y1, y2] };
        let ([m1, m2], [d1, d2]) = (known(m1, m2), known(d1, d2));
        let dashed = [year[0], year[1], year[2], year[3], b'-', m1, m2, b'-', d1, d2];
        std::str::from_utf8(&dashed).ok()?.parse().ok()
    }

    /// How the wire writes a date, if all of it is known.
    pub fn date_text(&self, date: &PartialDate) -> Option<String> {
        let date = date.date()?;
        Some(match self.values.date_format {
            DateFormat::Compact => format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()),
            DateFormat::Dashed => format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
            DateFormat::Dotted => format!("{:02}.{:02}.{:04}", date.day(), date.month(), date.year()),
        })
    }

    /// A score in thousandths of the best.
    pub fn score_permille(&self, text: &str) -> Option<u16> {
        let value: f64 = text.trim().parse().ok()?;
        let permille = (value * 1000.0 / f64::from(self.values.score_max)).round();
        // The range makes the conversion exact.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (0.0..=f64::from(u16::MAX)).contains(&permille).then(|| permille.min(1000.0) as u16)
    }
}

fn code<'a>(codes: &'a [Code], text: &str) -> Option<&'a Code> {
    let text = text.trim();
    match text.parse::<u16>() {
        Ok(number) => codes.iter().find(|code| code.number == number),
        Err(_) => codes.iter().find(|code| code.name.eq_ignore_ascii_case(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Meaning;
    use super::*;

    // Proves that a code is understood as a number and as text, and that an unknown one is not.
    #[test]
    fn codes() {
        let profile = Profile::built_in();
        for text in ["1", " 1 ", "01", "NO_ANSWER", "no_answer"] {
            assert_eq!(profile.result_code(text).unwrap().means, Meaning::NoRecord, "{text}");
        }
        for text in ["8", "-1", "", "NO", "1.0"] {
            assert!(profile.result_code(text).is_none(), "{text}");
        }
    }

    // Proves dates and scores, with what is not known or no value at all.
    #[test]
    fn dates_and_scores() {
        let profile = Profile::built_in();
        let date = profile.date("19740812").unwrap();
        assert_eq!(profile.date_text(&date).as_deref(), Some("19740812"));
        assert_eq!(profile.date("19740000"), "1974-XX-XX".parse().ok());
        assert_eq!(profile.date("1974-08-12"), None);
        assert_eq!(profile.date("19741312"), None);
        let mut dotted = profile.clone();
        dotted.values.date_format = DateFormat::Dotted;
        assert_eq!(
            (dotted.date("12.08.1974"), dotted.date_text(&date).as_deref()),
            (Some(date), Some("12.08.1974"))
        );
        assert_eq!(dotted.date("00.00.1974"), "1974-XX-XX".parse().ok());
        assert_eq!(profile.score_permille("10"), Some(1000));
        assert_eq!(profile.score_permille("8.25"), Some(825));
        assert_eq!(profile.score_permille("11"), Some(1000));
        for text in ["-1", "NaN", "inf", "high", ""] {
            assert_eq!(profile.score_permille(text), None, "{text}");
        }
    }
}
