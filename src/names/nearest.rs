/// The name that was probably meant by a word that is none. Compared without regard to case, and to which of `-` and `_` it is.
pub fn nearest(word: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if word.len() > 40 {
        return None;
    }
    let alike = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let word = alike(word);
    let distances = names.map(|name| (strsim::levenshtein(&word, &alike(name)), name));
    distances.min().filter(|(distance, name)| *distance <= 2.max(name.len() / 4)).map(|(_, name)| name)
}
