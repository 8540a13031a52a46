//! The documentation as the tests read it: README.md, CONTRIBUTING.md, CHANGELOG.md and docs/*.md.

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a page, by its path from the root.
pub fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page, by its path from the root.
pub fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = docs.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_string));
    pages.sort();
    pages
}

/// The code blocks of a page in their order: language and text.
pub fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.split_inclusive('\n') {
        match (line.trim_end().strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_string(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a code block is never closed");
    blocks
}

/// The texts of its blocks in `language`.
pub fn blocks_in(page: &str, language: &str) -> Vec<String> {
    blocks(page).into_iter().filter(|(own, _)| own == language).map(|(_, text)| text).collect()
}

/// A page's YAML block that begins with `key`, but for a comment in its first line.
pub fn yaml(path: &str, key: &str) -> String {
    let begins = |block: &String| block.lines().find(|line| !line.starts_with('#')).is_some_and(|line| line.starts_with(key));
    blocks_in(&page(path), "yaml").into_iter().find(begins).unwrap_or_else(|| panic!("{path} has no block {key}"))
}

/// The tutorial's scenario, on which the other pages build.
pub fn my_study() -> String {
    yaml("docs/tutorial.md", "name:")
}

/// The page without its code blocks.
pub fn prose(page: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    };
    page.split_inclusive('\n').filter(keep).collect()
}

/// What stands between backticks in `prose`.
pub fn spans(prose: &str) -> Vec<String> {
    prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2).map(str::to_string).collect::<Vec<_>>()).collect()
}

/// The first cells of the table whose head begins with `head`.
pub fn first_cells(page: &str, head: &str) -> Vec<String> {
    let table = page.split(head).nth(1).unwrap_or_else(|| panic!("no table {head}")).split("\n\n").next().unwrap();
    table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap().to_string()).collect()
}

/// What stands between backticks in these cells.
pub fn first_names(page: &str, head: &str) -> Vec<String> {
    spans(&first_cells(page, head).join("\n"))
}

/// The lines of a block that begin with `gramflow`, as arguments.
pub fn commands(block: &str) -> Vec<Vec<String>> {
    let typed = block.lines().filter_map(|line| line.split(" #").next().unwrap().trim().strip_prefix("gramflow "));
    typed.map(|command| command.split_whitespace().map(|word| word.trim_matches('\'').to_string()).collect()).collect()
}

/// The scenario with the top-level keys of `fragment` in the place of its own.
pub fn with(scenario: &str, fragment: &str) -> String {
    let key =
        |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()).then(|| line.split(':').next().unwrap().to_string());
    let replaced: Vec<String> = fragment.lines().filter_map(key).collect();
    let mut keep = true;
    let kept = scenario.split_inclusive('\n').filter(|line| {
        keep = key(line).map_or(keep, |key| !replaced.contains(&key));
        keep
    });
    kept.collect::<String>() + fragment
}

/// Where a link leads, from the page that holds it.
pub fn target(page: &str, link: &str) -> PathBuf {
    root().join(page).parent().unwrap().join(link)
}

/// The anchors of a page, as GitHub and mdbook make them of its headings.
pub fn anchors(page: &str) -> Vec<String> {
    let headings = prose(page).lines().filter(|line| line.starts_with('#')).map(str::to_string).collect::<Vec<_>>();
    let slug = |heading: &String| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        letters.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.iter().map(slug).collect()
}
