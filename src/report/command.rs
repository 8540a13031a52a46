//! Commands as one types them.

use std::path::Path;

/// What a page says beside an option that cannot be read.
pub(super) const ANOTHER_STUDY: &str = "the command at the end of this page is without it, and may make another study";

/// A path as a word of a command: in quotes where a shell would take it for anything else.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text;
    }
    // A name that begins with a dash would be an option.
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_path_again() {
        for (path, word) in [
            ("runs/quickstart-1a2b3c4d", "runs/quickstart-1a2b3c4d"),
            ("my runs/λ", "'my runs/λ'"),
            ("it's", r"'it'\''s'"),
            ("-x", "'./-x'"),
            ("a;b", "'a;b'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
