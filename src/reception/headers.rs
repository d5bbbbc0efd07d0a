//! What every answer says to browsers: nothing is framed, guessed, kept or loaded from elsewhere.

/// The policy of the pages: they carry no script at all, and their only style sheet is our own.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// The headers of every answer. `same-origin` as referrer policy: under a stricter one a browser would hide from us
/// that a form came from our own page.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("strict-transport-security", "max-age=31536000"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_no_script_no_frame_and_nothing_from_elsewhere() {
        let directives: Vec<&str> = CONTENT_POLICY.split(';').map(str::trim).collect();
        assert!(directives.contains(&"default-src 'none'") && directives.contains(&"frame-ancestors 'none'"));
        let open = ["unsafe", "*", "http", "data:", "script-src"];
        assert!(open.iter().all(|word| !CONTENT_POLICY.contains(word)), "{CONTENT_POLICY}");
    }
}
