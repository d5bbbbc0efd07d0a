//! AES-256-GCM for tokens at rest. The sealed text is `v1:<key id>:<base64 of nonce and ciphertext>`; the key id is the
//! first four bytes of the key's SHA-256, so that a rotated key is recognised instead of failing as damage.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Cipher, CipherError, Random};

const NONCE_BYTES: usize = 12;

/// A key, and the id that stands before whatever was sealed with it.
struct Key {
    cipher: Aes256Gcm,
    id: String,
}

impl Key {
    fn read(key: &str) -> Result<Self, CipherError> {
        let bytes = STANDARD.decode(key.trim()).map_err(|_| CipherError::Key)?;
        let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| CipherError::Key)?;
        let id = Sha256::digest(&bytes).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { cipher, id })
    }
}

/// The cipher over `TOKEN_KEY`.
pub struct TokenCipher<R> {
    key: Key,
    /// While the key is being replaced: the one before it, which only opens, or that it is malformed.
    previous: Option<Result<Key, CipherError>>,
    random: R,
}

impl<R: Random> TokenCipher<R> {
    /// Reads the key: 32 bytes in base64.
    pub fn new(key: &str, random: R) -> Result<Self, CipherError> {
        Ok(Self { key: Key::read(key)?, previous: None, random })
    }

    /// The key before this one (`TOKEN_KEY_PREVIOUS`), if any. What it sealed is sealed anew when it is next stored. One
    /// that is malformed matters only to what this key does not open.
    pub fn with_previous(self, key: &str) -> Self {
        let previous = (!key.trim().is_empty()).then(|| Key::read(key).map_err(|_| CipherError::Previous));
        Self { previous, ..self }
    }

    /// The key that something was sealed with.
    fn key(&self, id: &str) -> Result<&Key, CipherError> {
        if self.key.id == id {
            return Ok(&self.key);
        }
        match &self.previous {
            Some(Ok(key)) if key.id == id => Ok(key),
            Some(Err(malformed)) => Err(malformed.clone()),
            _ => Err(CipherError::Sealed),
        }
    }
}

impl<R: Random> Cipher for TokenCipher<R> {
    fn seal(&self, plain: &str) -> Result<String, CipherError> {
        let mut nonce = [0u8; NONCE_BYTES];
        nonce[..8].copy_from_slice(&self.random.bits().to_le_bytes());
        nonce[8..].copy_from_slice(&self.random.bits().to_le_bytes()[..4]);
        let sealed = self.key.cipher.encrypt(&Nonce::from(nonce), plain.as_bytes()).map_err(|_| CipherError::Key)?;
        let text = STANDARD.encode([&nonce[..], &sealed].concat());
        Ok(format!("v1:{}:{text}", self.key.id))
    }

    fn open(&self, sealed: &str) -> Result<String, CipherError> {
        let (id, text) = sealed.strip_prefix("v1:").and_then(|rest| rest.split_once(':')).ok_or(CipherError::Sealed)?;
        let key = self.key(id)?;
        let bytes = STANDARD.decode(text).map_err(|_| CipherError::Sealed)?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES).ok_or(CipherError::Sealed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| CipherError::Sealed)?;
        let plain = key.cipher.decrypt(&Nonce::from(nonce), body).map_err(|_| CipherError::Sealed)?;
        String::from_utf8(plain).map_err(|_| CipherError::Sealed)
    }
}

/// Stands where `TOKEN_KEY` is missing: every use says so.
pub struct NoCipher;

impl Cipher for NoCipher {
    fn seal(&self, _plain: &str) -> Result<String, CipherError> {
        Err(CipherError::Key)
    }
    fn open(&self, _sealed: &str) -> Result<String, CipherError> {
        Err(CipherError::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::cell::Cell<u64>);
    impl Random for Counting {
        fn bits(&self) -> u64 {
            self.0.set(self.0.get() + 1);
            self.0.get()
        }
    }
    fn cipher(byte: u8) -> TokenCipher<Counting> {
        TokenCipher::new(&STANDARD.encode([byte; 32]), Counting(Default::default())).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_and_two_seals_differ() {
        let cipher = cipher(7);
        let (one, two) = (cipher.seal("refresh-token").unwrap(), cipher.seal("refresh-token").unwrap());
        assert_ne!(one, two);
        assert!(!one.contains("refresh"));
        assert_eq!(cipher.open(&one).unwrap(), "refresh-token");
    }

    #[test]
    fn the_previous_key_opens_and_the_present_one_seals() {
        let before = cipher(7).seal("refresh-token").unwrap();
        let rotated = cipher(8).with_previous(&STANDARD.encode([7; 32]));
        assert_eq!(rotated.open(&before).unwrap(), "refresh-token");
        let after = rotated.seal("refresh-token").unwrap();
        assert_eq!(cipher(8).open(&after).unwrap(), "refresh-token", "the previous key is needed no more");
        assert_eq!(cipher(7).open(&after), Err(CipherError::Sealed));
    }

    #[test]
    fn a_malformed_previous_key_stands_in_nobodys_way_and_is_named_where_it_is_needed() {
        let (before, now) = (cipher(7).seal("refresh-token").unwrap(), cipher(8).seal("refresh-token").unwrap());
        let rotated = cipher(8).with_previous("not a key");
        assert_eq!(rotated.open(&now).unwrap(), "refresh-token");
        assert_eq!(rotated.open(&rotated.seal("next").unwrap()).unwrap(), "next");
        let problem = rotated.open(&before).unwrap_err();
        assert_eq!(problem, CipherError::Previous);
        assert!(problem.to_string().contains("TOKEN_KEY_PREVIOUS must be 32 bytes"), "{problem}");
        let empty = cipher(8).with_previous(" ");
        assert_eq!(empty.open(&before), Err(CipherError::Sealed), "there is none");
    }

    #[test]
    fn another_key_or_a_changed_byte_is_refused() {
        let sealed = cipher(7).seal("refresh-token").unwrap();
        assert_eq!(cipher(8).open(&sealed), Err(CipherError::Sealed));
        let damaged = sealed.replace(|c: char| c == sealed.chars().last().unwrap(), "A");
        assert_eq!(cipher(7).open(&damaged), Err(CipherError::Sealed));
        assert!(TokenCipher::new("short", Counting(Default::default())).is_err());
    }
}
