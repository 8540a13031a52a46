//! However long or deep a text is, it is refused soon, and before it takes much memory.

use super::*;

/// `marks` alone decides: the tree is not read. 2 MB of brackets take serde_yaml minutes.
fn excess(text: &str) -> String {
    let (position, message) = Marks::of(text).excess.expect("a bound is exceeded");
    let said = complaint(text, &[]);
    assert_eq!(said, format!("scenario.yaml:{}:{}: {message}", position.line, position.column));
    said
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(2 << 20), "{a: ".repeat(500_000), "- ".repeat(1 << 20), "? ".repeat(1 << 20)] {
        // A text may be no YAML before it is too deep; neither takes long.
        let message = complaint(&text, &[]);
        assert!(message.len() < 300, "{message}");
    }
    assert!(excess(&"[".repeat(2 << 20)).ends_with("nested more than 128 deep"));
    assert!(excess(&"[".repeat(200)).contains("1:129: "));
}

/// Nine levels of nine aliases stand for 9⁹ values; padded with values of its own, such a text passes serde_yaml's own bound.
#[test]
fn aliases_that_stand_for_too_much_are_refused() {
    let mut text = format!("pad: [{}]\na0: &a0 [{}]\n", "1, ".repeat(100_000), "x, ".repeat(9));
    for level in 1..10 {
        text.push_str(&format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(9)));
    }
    assert!(excess(&text).contains("more than half a million values"));
    // Few values, but long ones.
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(1000));
    assert!(excess(&text).contains("more than half a million values"));
    // An alias within its own anchor.
    assert!(!complaint("a: &a [*a]\n", &[]).is_empty());
}

/// What follows an error is neither weighed nor read.
#[test]
fn nothing_is_read_beyond_an_error() {
    let text = format!("name: x\n}}\na: {}\n", "[".repeat(1 << 20));
    assert!(complaint(&text, &[]).len() < 300);
}

#[test]
fn a_second_document_is_refused() {
    assert_eq!(
        excess(&format!("{SMALL}---\nname: y\n")),
        "scenario.yaml:5:1: a second document begins here: a scenario is a single document"
    );
    assert!(reading(&format!("---\n{SMALL}...\n"), &[]).is_ok());
}

#[test]
fn long_lists_are_refused_at_once() {
    let many = |item: &str| format!("[{}]", vec![item; 10_000].join(", "));
    for (key, right) in [
        ("claims", "claims[1]: must be made once"),
        ("measure", "measure[1]: must be named once"),
        ("observe", "observe[1]: must be named once"),
        ("optimizers", "optimizers: must be at most 1000, got 10000"),
        ("network.widths", "network.widths: must be at most 1001 widths, got 10000"),
    ] {
        let item = match key {
            "claims" => "nfa",
            "measure" | "observe" => "sharpness",
            "optimizers" => "gd: {lr: 0.1}",
            _ => "4",
        };
        let message = complaint(SMALL, &[&format!("{key}={}", many(item))]);
        assert!(
            message.contains(right),
            "{key}: {:.300}",
            message.lines().map(|l| &l[l.len().saturating_sub(150)..]).collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn the_two_zeros_are_one_scenario() {
    let hash = |set: &str| reading(SMALL, &[set]).unwrap().hash().unwrap();
    assert_eq!(hash("weight_decay=0.0"), hash("weight_decay=-0.0"));
    assert_eq!(hash("weight_decay=0.0"), reading(SMALL, &[]).unwrap().hash().unwrap());
}
