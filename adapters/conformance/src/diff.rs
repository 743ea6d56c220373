//! The difference of two texts, for a person.

use std::fmt::Write;

/// Equal lines that are shown before and after a difference.
const CONTEXT_LINES: usize = 3;
/// Longest difference that is shown, in lines.
const SHOWN_LINES_MAX: usize = 60;

/// The lines in which two byte strings differ, `-` expected and `+` found, with a little of what is equal around them.
pub(crate) fn lines(expected: &[u8], found: &[u8]) -> String {
    let (old, new) = (readable(expected), readable(found));
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let after = &new[new.len() - tail..];
    let shown = [
        (" ", &new[head.saturating_sub(CONTEXT_LINES)..head]),
        ("-", &old[head..old.len() - tail]),
        ("+", &new[head..new.len() - tail]),
        (" ", &after[..tail.min(CONTEXT_LINES)]),
    ];
    let mut text = format!("at line {}:\n", head + 1);
    let marked = shown.iter().flat_map(|(mark, lines)| lines.iter().map(move |line| (mark, line)));
    for (mark, line) in marked.take(SHOWN_LINES_MAX) {
        // Writing to a string can't fail.
        let _ = writeln!(text, "    {mark} {line}");
    }
    text
}

/// Lines as text, with every byte that does not print escaped.
fn readable(bytes: &[u8]) -> Vec<String> {
    let escaped = |line: &[u8]| match std::str::from_utf8(line) {
        Ok(text) => text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        Err(_) => line.escape_ascii().to_string(),
    };
    bytes.split(|byte| *byte == b'\n').map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that only the changed lines are marked, and that unprintable bytes are made visible.
    #[test]
    fn shows_what_changed() {
        let text = lines(b"a\nb\nc\n", b"a\nB\x01\nc\n");
        assert_eq!(text, "at line 2:\n      a\n    - b\n    + B\\u{1}\n      c\n      \n");
        assert!(lines(b"x", b"x\ny").contains("+ y"));
        assert!(lines(b"\xff", b"").contains("- \\xff"));
    }
}
