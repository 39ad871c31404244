//! Buffers that are reused, so that an event needs no allocation.

/// The capacity that a buffer for an event's bytes or a document keeps.
pub const EVENT: usize = 1 << 20;
/// The capacity that a buffer for a few words of an event keeps.
pub const WORDS: usize = 1 << 16;

/// Empties a buffer. If a huge event made it larger than `most` items, the additional memory is freed.
#[inline]
pub fn give_back<T>(buffer: &mut Vec<T>, most: usize) {
    buffer.clear();
    buffer.shrink_to(most);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_much_is_given_back() {
        let mut buffer = vec![1_u8; 1000];
        give_back(&mut buffer, 1000);
        assert_eq!((buffer.len(), buffer.capacity()), (0, 1000));
        buffer.extend_from_slice(&[1; 1001]);
        give_back(&mut buffer, 1000);
        assert!(buffer.is_empty() && buffer.capacity() < 1001);
    }
}
