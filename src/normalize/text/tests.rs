//! The text policy as a specification.

use super::*;
use crate::books::text::LengthUnit;
use proptest::prelude::*;

const NAME: TextRule = TextRule {
    max: 60,
    unit: LengthUnit::Utf16,
    forbidden: &[':', '<', '>'],
    astral: false,
    multiline: false,
    ascii: false,
};
const NOTE: TextRule = TextRule { max: 40, multiline: true, forbidden: &[], ..NAME };
const NUMBER: TextRule = TextRule { max: 21, ascii: true, forbidden: &[], ..NAME };

fn named(text: &str) -> String {
    clean(text, &NAME, EmojiPolicy::Name).text
}

fn rules(text: &str) -> Vec<&'static str> {
    clean(text, &NAME, EmojiPolicy::Name).changes.into_iter().map(TextChange::rule).collect()
}

#[test]
fn emoji_are_written_out_as_one_word_each_whatever_they_are_made_of() {
    assert_eq!(named("Mug🚀Red"), "Mug rocket Red");
    assert_eq!(named("Mug 🚀 to the moon ☕"), "Mug rocket to the moon hot beverage");
    assert_eq!(named("🎁"), "wrapped gift");
    assert_eq!(named("Poster 🏳️‍🌈!"), "Poster rainbow flag!");
    assert!(named("👩‍🚀 hat").starts_with("woman astronaut"), "{}", named("👩‍🚀 hat"));
    assert_eq!(rules("Mug 🚀"), ["emoji_named"]);
}

#[test]
fn emoji_can_be_left_out_or_kept_where_the_field_takes_them() {
    assert_eq!(clean("Mug🚀Red ☕", &NAME, EmojiPolicy::Strip).text, "Mug Red");
    let wide = TextRule { astral: true, ..NAME };
    assert_eq!(clean("Mug 🚀", &wide, EmojiPolicy::Keep).text, "Mug 🚀");
    assert_eq!(clean("Mug 🚀 ☕", &NAME, EmojiPolicy::Keep).text, "Mug ☕");
}

#[test]
fn digits_and_signs_are_no_emoji() {
    assert_eq!(named("A1 #2 * © ® ™"), "A1 #2 * © ® ™");
    assert!(rules("A1 #2 * © ® ™").is_empty());
}

#[test]
fn letters_of_every_script_survive_and_marks_are_composed() {
    for text in ["مريم الأندلسي", "Đặng Thị Hà", "שלום", "猫の器", "Ænima – Ōkami’s"] {
        assert_eq!(named(text), text);
    }
    assert_eq!(named("Ame\u{301}lie"), "Amélie");
    assert_eq!(rules("Ame\u{301}lie"), ["composed"]);
}

#[test]
fn invisible_marks_and_control_characters_go() {
    assert_eq!(named("\u{202b}الأندلسي\u{202c}"), "الأندلسي");
    assert_eq!(named("a\u{0}b\u{1f}c\u{7f}d\u{85}e\u{feff}f\u{ffff}"), "abcdef");
    assert_eq!(clean("one\n\ttwo\u{2028}three", &NOTE, EmojiPolicy::Name).text, "one\ntwo\nthree");
    assert_eq!(named("one\ntwo\tthree"), "one two three");
}

#[test]
fn what_a_field_refuses_is_replaced_readably() {
    assert_eq!(named("Rob:Barnett"), "Rob-Barnett");
    assert_eq!(named("O'Neil <sen.>"), "O'Neil sen.");
    assert_eq!(named("  two   spaces "), "two spaces");
}

#[test]
fn characters_beyond_the_basic_plane_get_their_plain_twin() {
    assert_eq!(named("𝒜𝓃𝓃𝒶"), "Anna");
    assert_eq!(named("𠮷野家"), "?野家");
    assert_eq!(clean("Café №7 🚀", &NUMBER, EmojiPolicy::Strip).text, "Cafe No7");
}

#[test]
fn a_cut_falls_between_characters_as_people_see_them() {
    let long = "e\u{301}\u{323}".repeat(100);
    let cut = clean(&long, &NAME, EmojiPolicy::Name);
    assert!(cut.text.ends_with('…') && NAME.length(&cut.text) <= NAME.max);
    assert!(cut.changes.contains(&TextChange::Shortened));
    assert_eq!(clean("ABCDEFGHIJKLMNOPQRSTUVWXYZ", &NUMBER, EmojiPolicy::Name).text, "ABCDEFGHIJKLMNOPQR...");
    let megabyte = "🚀x ".repeat(1 << 18);
    assert!(NAME.length(&named(&megabyte)) <= NAME.max);
}

proptest! {
    #[test]
    fn cleaning_is_idempotent_and_always_fits(text in "\\PC{0,80}|[\\x00-\\x20🚀☕️a:<>é\u{202b}\u{200d}👩‍🚀\u{1F3FB}\u{20E3}1]{0,60}") {
        for rule in [NAME, NOTE, NUMBER, TextRule { astral: true, ..NAME }] {
            for policy in [EmojiPolicy::Name, EmojiPolicy::Strip, EmojiPolicy::Keep] {
                let once = clean(&text, &rule, policy);
                prop_assert!(rule.length(&once.text) <= rule.max);
                prop_assert!(!once.text.contains(rule.forbidden));
                prop_assert!(!once.text.chars().any(|one| is_control(one) && one != '\n'));
                prop_assert!(rule.astral || !once.text.chars().any(is_astral));
                prop_assert!(!rule.ascii || once.text.chars().all(is_plain));
                let twice = clean(&once.text, &rule, policy);
                prop_assert_eq!(&twice.text, &once.text);
                prop_assert!(twice.changes.is_empty());
            }
        }
    }
}

const SHORT: TextRule = TextRule { max: 20, multiline: true, ..NAME };

fn cut(text: &str) -> Vec<String> {
    pieces(text, &SHORT, EmojiPolicy::Name).pieces
}

#[test]
fn a_text_that_is_too_long_goes_on_between_words() {
    assert_eq!(cut("A mug"), ["A mug"]);
    assert_eq!(cut(""), Vec::<String>::new());
    assert_eq!(cut("A very long mug, in red and in blue."), ["A very long mug, in", "red and in blue."]);
    assert_eq!(cut("Exactly twenty chars and more"), ["Exactly twenty chars", "and more"]);
    assert_eq!(cut("one\n\nDonaudampfschiffahrtsgesellschaft"), ["one\n\nDonaudampfschif", "fahrtsgesellschaft"]);
}

#[test]
fn a_piece_ends_between_characters_as_people_see_them_unless_one_alone_is_too_long() {
    let family = "👩‍👩‍👧‍👦".repeat(3);
    let wide = TextRule { astral: true, ..SHORT };
    assert_eq!(pieces(&family, &wide, EmojiPolicy::Keep).pieces, ["👩‍👩‍👧‍👦"; 3]);
    let marked = format!("a{}", "\u{323}\u{30c}".repeat(20));
    let composed: String = marked.nfc().collect();
    assert_eq!(cut(&marked).concat(), composed);
    assert!(cut(&marked).len() == 2);
}

#[test]
fn a_book_is_shortened_after_all() {
    let book = pieces(&"word ".repeat(1 << 20), &SHORT, EmojiPolicy::Name);
    assert!(book.changes.contains(&TextChange::Shortened) && book.pieces.len() <= 50, "{}", book.pieces.len());
    assert!(book.pieces.last().unwrap().ends_with('…'));
}

proptest! {
    // A hundred thousand cases reject more than a thousand.
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]
    #[test]
    fn pieces_are_the_cleaned_text_cut_between_characters(
        text in "[a-zé猫 \\n]{0,200}|[a ]{0,100}|\\PC{0,120}|[\\x00-\\x20🚀☕️a:<>é\u{202b}\u{200d}👩‍🚀\u{1F3FB}\u{20E3}1]{0,120}"
    ) {
        for rule in [SHORT, TextRule { max: 7, ..NAME }, TextRule { astral: true, ..SHORT }] {
            for policy in [EmojiPolicy::Name, EmojiPolicy::Strip, EmojiPolicy::Keep] {
                let cleaned = clean(&text, &TextRule { max: usize::MAX, ..rule }, policy).text;
                let found = pieces(&text, &rule, policy);
                prop_assume!(!found.changes.contains(&TextChange::Shortened));
                let edges: Vec<usize> = cleaned.grapheme_indices(true).map(|(at, _)| at).chain([cleaned.len()]).collect();
                let mut at = 0;
                for piece in &found.pieces {
                    at += cleaned[at..].len() - cleaned[at..].trim_start().len();
                    prop_assert!(cleaned[at..].starts_with(piece.as_str()), "{:?} is not what comes next in {:?}", piece, &cleaned[at..]);
                    at += piece.len();
                    // Some letters take a following space into their cluster; white space is dropped all the same.
                    let before_space = cleaned[at..].starts_with(char::is_whitespace);
                    let whole = edges.contains(&at) || before_space || piece.graphemes(true).count() == 1;
                    prop_assert!(whole, "cut inside a character at {}", at);
                    prop_assert!(!piece.is_empty() && rule.length(piece) <= rule.max);
                    let again = pieces(piece, &rule, policy);
                    prop_assert_eq!(again.pieces, vec![piece.clone()]);
                    prop_assert!(again.changes.is_empty());
                }
                prop_assert_eq!(cleaned[at..].trim(), "", "all of it is there");
            }
        }
    }
}
