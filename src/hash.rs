//! SHA-256 in hex digits, as sha256sum(1) prints it.

use openssl::sha::Sha256;

/// A SHA-256 of bytes that come in pieces.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash as 64 hex digits.
    pub fn finish(self) -> String {
        self.0.finish().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The SHA-256 of these bytes as 64 hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = Hash::default();
    hash.update(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // The example of FIPS 180-4.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let mut hash = Hash::default();
        hash.update(b"a");
        hash.update(b"bc");
        assert_eq!(hash.finish(), expected);
    }
}
