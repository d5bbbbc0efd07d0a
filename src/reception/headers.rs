//! What every answer says to browsers: nothing is framed, guessed, kept or loaded from elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The policy of the pages: they carry no script at all, their one style sheet is known by its hash, and their one image, the
/// icon, is part of them.
fn content_policy(style: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(style));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// The headers of every answer; `style` is the sheet that pages carry. `same-origin` as referrer policy: under a stricter one a
/// browser would hide from us that a form came from our own page.
pub fn headers(style: &str) -> Vec<(&'static str, String)> {
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
        ("strict-transport-security", "max-age=31536000"),
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name, value.to_owned()));
    [("content-security-policy", content_policy(style))].into_iter().chain(fixed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_no_script_no_frame_and_nothing_from_elsewhere() {
        let policy = content_policy("p { margin: 0 }");
        let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
        assert!(directives.contains(&"default-src 'none'") && directives.contains(&"frame-ancestors 'none'"));
        assert!(directives.contains(&"img-src data:") && directives.iter().all(|one| !one.starts_with("script-src")));
        let open = ["unsafe", "*", "http"];
        assert!(open.iter().all(|word| !policy.contains(word)), "{policy}");
        assert_ne!(policy, content_policy("p { margin: 1px }"), "another style is another hash");
    }
}
