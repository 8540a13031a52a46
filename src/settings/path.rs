//! Paths of keys as a user reads them: `data.synthetic.inputs.dim`, `optimizers[0].gd.lr`. The root is the empty path.

/// The path of `key` in the map at `path`.
pub(crate) fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

/// The path of item `index`, from 0, of the list at `path`.
pub(crate) fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// `path` itself, then the path of its parent, and so on up to the root.
pub(crate) fn upward(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        if path.is_empty() {
            return None;
        }
        Some(path.rfind(['.', '[']).map_or("", |end| &path[..end]))
    })
}
