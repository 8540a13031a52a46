//! Mutants of scenarios and of archives, from a seed: what a slip of the hand makes of them, and what somebody makes who means harm.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers at which programs break.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "-0.0",
    "1",
    "0.5",
    "1e-320",
    "1e308",
    "1.0e9",
    "-1e300",
    ".nan",
    ".inf",
    "-.inf",
    "65536",
    "60000",
    "1000000",
    "100000000",
    "500000000",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "1e-10",
    "0x10",
    "1_000",
];

/// Pieces of YAML that mean something.
const PIECES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ": ",
    ":",
    ", ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "!x ",
    "!!float ",
    "| ",
    "> ",
    "'",
    "\"",
    "#",
    "%",
    "@",
    "`",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{feff}",
    "\u{85}",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    "é",
    "[[[[[[[[",
    "{a: {a: {a: ",
    "\\",
    "\"\\x",
];

/// Draws that depend on the seed alone.
pub struct Mutator(ChaCha8Rng);

impl Mutator {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    fn one_of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// One of `texts` with one to four changes; it may take words and lines from the others.
    pub fn scenario(&mut self, texts: &[String]) -> String {
        let mut text = texts[self.below(texts.len())].clone();
        for _ in 0..1 + self.below(4) {
            let donor = &texts[self.below(texts.len())];
            text = match self.below(9) {
                0 => self.edit_characters(&text),
                1 => self.edit_lines(&text, donor),
                2..=4 => self.replace(
                    &text,
                    |c| c.is_ascii_digit() || matches!(c, '.' | '-' | 'e'),
                    |m| m.one_of(NUMBERS).to_string(),
                ),
                5 | 6 => {
                    let words = words(donor, |c| c.is_ascii_alphanumeric() || c == '_');
                    let word =
                        words.get(self.below(words.len().max(1))).map_or("x".to_string(), |&(a, b)| donor[a..b].to_string());
                    self.replace(&text, |c| c.is_ascii_alphanumeric() || c == '_', |_| word)
                }
                7 => self.replace(&text, |c| !matches!(c, ' ' | ',' | '\n' | '{' | '}' | '[' | ']'), |m| m.nested()),
                _ => self.wrap(&text),
            };
        }
        text
    }

    fn edit_characters(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let start = self.below(characters.len().max(1)).min(characters.len());
        let end = (start + self.below(4)).min(characters.len());
        let piece = self.one_of(PIECES);
        characters.splice(start..end, piece.chars());
        characters.into_iter().collect()
    }

    /// Removes, repeats, indents or exchanges a line, or takes one from the donor.
    fn edit_lines(&mut self, text: &str, donor: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        let others: Vec<&str> = donor.lines().collect();
        if lines.is_empty() || others.is_empty() {
            return donor.to_string();
        }
        let at = self.below(lines.len());
        match self.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => lines[at].insert_str(0, self.one_of(&["  ", " ", "\t", "- "])),
            3 => lines.swap(at, 0),
            _ => lines.insert(at, self.one_of(&others).to_string()),
        }
        lines.join("\n") + "\n"
    }

    /// Replaces one run of characters of a kind.
    fn replace(&mut self, text: &str, kind: fn(char) -> bool, by: impl FnOnce(&mut Self) -> String) -> String {
        let runs = words(text, kind);
        let Some(&(start, end)) = runs.get(self.below(runs.len().max(1))) else { return text.to_string() };
        format!("{}{}{}", &text[..start], by(self), &text[end..])
    }

    /// A list or a map that is long, deep, or of aliases.
    fn nested(&mut self) -> String {
        let item = self.one_of(NUMBERS);
        match self.below(5) {
            0 => format!("[{}]", vec![item; 1 + self.below(3000)].join(", ")),
            1 => "[".repeat(1 + self.below(5000)),
            2 => format!("{}1{}", "{a: ".repeat(150), "}".repeat(150)),
            3 => format!("[&a [{}], {}]", vec![item; 500].join(", "), vec!["*a"; 1 + self.below(3000)].join(", ")),
            _ => format!("{{log: {{from: {item}, to: {}, points: {}}}}}", self.one_of(NUMBERS), self.one_of(NUMBERS)),
        }
    }

    /// Turns a line's value into a list of it, or makes it varied by a sweep.
    fn wrap(&mut self, text: &str) -> String {
        let seeds = self.one_of(NUMBERS);
        match self.below(3) {
            0 => format!("{text}sweep: {{seeds: {seeds}}}\n"),
            1 => format!("{text}sweep: {{grid: {{weight_decay: [0, {seeds}], network.widths: [[4, {seeds}]]}}}}\n"),
            _ => self.replace(text, |c| !matches!(c, '\n'), |m| format!("[{}]", m.one_of(NUMBERS))),
        }
    }

    /// The archive `bytes` with one to three changes.
    // Only the library's own test has archives mutated.
    #[allow(dead_code)]
    pub fn archive(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match self.below(6) {
                _ if bytes.len() < 8 => bytes.push(0),
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => {
                    let end = bytes.len().min(at + 4);
                    bytes[at..end].fill(self.one_of(&[&0u8, &0xff, &0x7f]).to_owned());
                }
                3 => {
                    let digits: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i].is_ascii_digit()).collect();
                    if !digits.is_empty() {
                        let at = digits[self.below(digits.len())];
                        bytes[at] = b'0' + self.below(10) as u8;
                    }
                }
                4 => {
                    let end = bytes.len().min(at + 1 + self.below(64));
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let end = bytes.len().min(at + 1 + self.below(16));
                    bytes.drain(at..end);
                }
            }
        }
        bytes
    }
}

/// The runs of characters of a kind, as ranges of bytes.
fn words(text: &str, kind: fn(char) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| kind(*c)) {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end = at + c.len_utf8(),
            _ => runs.push((at, at + c.len_utf8())),
        }
    }
    runs
}
