//! Identifiers and tokens, derived from a counter: the same requests in the same order give the same ids.

/// SplitMix64: spreads a counter over 64 bits so that the ids look like what the vendors issue.
fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(Clone, Debug, Default)]
pub struct Ids {
    next: u64,
}

impl Ids {
    fn step(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn guid(&mut self) -> String {
        let n = self.step();
        guid_from(n)
    }

    /// A token of a readable kind: `prefix-` and 32 hexadecimal digits.
    pub fn token(&mut self, prefix: &str) -> String {
        let n = self.step();
        format!("{prefix}-{:016x}{:016x}", spread(n), spread(!n))
    }
}

/// A version-4-shaped GUID for a number.
pub fn guid_from(n: u64) -> String {
    let (a, b) = (spread(n), spread(n ^ 0xabcd_ef01_2345_6789));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        (b >> 48) & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

/// What Xero shows as the id of something that was not stored.
pub const ZERO_GUID: &str = "00000000-0000-0000-0000-000000000000";

impl Ids {
    /// A sequence of its own: two with different starts do not meet.
    pub fn starting_at(next: u64) -> Self {
        Self { next }
    }
}
