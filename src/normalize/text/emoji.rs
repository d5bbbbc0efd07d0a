//! Emoji: which clusters are some, what they are called, and what a text looks like without them.

/// The name of an emoji; plain digits and signs such as © and ™ are none.
pub(super) fn name(cluster: &str) -> Option<&'static str> {
    if cluster.chars().count() == 1 && cluster.chars().all(|one| one.is_ascii() || matches!(one, '©' | '®' | '™')) {
        return None;
    }
    let bare = |text: &str| text.chars().filter(|one| *one != '\u{FE0F}' && *one != '\u{FE0E}').collect::<String>();
    let plain = bare(cluster);
    if plain.chars().all(|one| one.is_ascii() || matches!(one, '©' | '®' | '™')) && !plain.contains('\u{20E3}') {
        return None;
    }
    if let Some(found) = emojis::get(cluster).or_else(|| emojis::get(&plain)) {
        return Some(found.name());
    }
    // An unknown combination is named after its first part; what is no emoji at all has none.
    let first = plain.chars().next()?;
    let mut buffer = [0u8; 4];
    emojis::get(first.encode_utf8(&mut buffer)).map(|found| found.name())
}

/// Joins what taking emoji out left open: no space before punctuation, none doubled.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let after_space = out.ends_with(' ');
        if letter == ' ' && (after_space || out.is_empty()) {
            continue;
        }
        if after_space && matches!(letter, ',' | '.' | ';' | '!' | '?' | ')' | '\n') {
            out.pop();
        }
        out.push(letter);
    }
    out.trim_end().to_owned()
}
