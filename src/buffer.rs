//! Buffers that are used again and again, so that an event costs no allocation.

/// What buffers keep that hold an event's bytes, or a document.
pub const EVENT: usize = 1 << 20;
/// What buffers keep that hold a few words of an event.
pub const WORDS: usize = 1 << 16;

/// Empties a buffer whose contents were used. What a huge event needed beyond `most` items is given back.
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
