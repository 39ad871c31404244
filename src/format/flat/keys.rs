//! Keys of a flat object. An event uses each key at most once. The JSON text of a key is made once.

use crate::{event::PREFIX, format::json};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// A key of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u32);

/// A key whose JSON text fits into this length is written by a copy of fixed length.
const OPEN: usize = 32;

/// The keys by number. Each has its JSON text and the event that used it last.
#[derive(Debug, Default)]
pub struct Keys {
    by_name: HashMap<Box<[u8]>, Key, RandomState>,
    all: Vec<KeyState>,
    /// Counts events, so that nothing needs to be cleared between them.
    event: u64,
}

#[derive(Debug)]
struct KeyState {
    /// The key in JSON, with a comma before it and a colon after it.
    json: Box<[u8]>,
    /// The same text with the opening quote of a string, and its length. The length is 0 when the text doesn't fit.
    open: [u8; OPEN],
    open_len: usize,
    name: Box<[u8]>,
    used: u64,
    owner: u32,
}

impl Keys {
    /// Returns the key of a name. The name may be any bytes; those that aren't UTF-8 are escaped as in values.
    pub fn key(&mut self, name: &[u8]) -> Key {
        if let Some(key) = self.by_name.get(name) {
            return *key;
        }
        // The escaped text identifies the key, so two names that look the same in JSON are one key.
        let text = json::to_text(name).into_bytes();
        if text != name {
            return self.key(&text);
        }
        let mut escaped = vec![b','];
        json::string(&mut escaped, name);
        escaped.push(b':');
        let key = Key(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let mut open = [0; OPEN];
        let mut open_len = 0;
        if let Some(start) = open.get_mut(..=escaped.len()) {
            open_len = escaped.len() + 1;
            start[..open_len - 1].copy_from_slice(&escaped);
            start[open_len - 1] = b'"';
        }
        let name = Box::from(name);
        let state = KeyState { json: escaped.into(), open, open_len, name, used: 0, owner: 0 };
        self.all.push(state);
        self.by_name.insert(self.all[key.0 as usize].name.clone(), key);
        key
    }

    /// Returns the key of the exact bytes of a value that isn't UTF-8: `<key>_hex`.
    pub fn hex(&mut self, key: Key) -> Key {
        let name = [self.name(key), b"_hex"].concat();
        self.key(&name)
    }

    /// Begins an event. All keys are free again.
    pub fn begin(&mut self) {
        self.event += 1;
    }

    /// Takes a free key for a record. Returns false when the event has used the key already.
    pub fn take(&mut self, key: Key, owner: usize) -> bool {
        let state = &mut self.all[key.0 as usize];
        if state.used == self.event {
            return false;
        }
        state.used = self.event;
        state.owner = u32::try_from(owner).unwrap_or(u32::MAX);
        true
    }

    /// The record that took the key in this event.
    pub fn owner(&self, key: Key) -> Option<usize> {
        let state = &self.all[key.0 as usize];
        (state.used == self.event).then_some(state.owner as usize)
    }

    /// Takes the key. If it isn't free, appends underscores until a free key is found. No document repeats a key,
    /// whatever names user messages give their fields.
    pub fn take_or_extend(&mut self, mut key: Key, owner: usize) -> Key {
        while !self.take(key, owner) {
            let mut name = self.name(key).to_vec();
            name.push(b'_');
            key = self.key(&name);
        }
        key
    }

    /// `,"key":`
    pub fn json(&self, key: Key) -> &[u8] {
        &self.all[key.0 as usize].json
    }

    /// Appends `,"key":"VALUE"` for a value whose first `len` bytes need no escape in JSON. It copies a fixed length,
    /// which takes a few instructions; a copy of variable length takes a call.
    pub fn write_plain(&self, key: Key, window: &[u8; PREFIX], len: usize, out: &mut Vec<u8>) {
        let state = &self.all[key.0 as usize];
        let start = out.len() + state.open_len;
        if state.open_len > 0 {
            out.extend_from_slice(&state.open);
            out.truncate(start);
        } else {
            out.extend_from_slice(&state.json);
            out.push(b'"');
        }
        let end = out.len() + len;
        out.extend_from_slice(window);
        out.truncate(end);
        out.push(b'"');
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets all keys.
    pub fn forget(&mut self) {
        *self = Self { event: self.event, ..Self::default() };
    }

    /// The key's text.
    pub fn name(&self, key: Key) -> &[u8] {
        &self.all[key.0 as usize].name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_once_an_event() {
        let mut keys = Keys::default();
        let key = keys.key(b"comm");
        keys.begin();
        assert!(keys.take(key, 3));
        assert!(!keys.take(key, 4));
        assert_eq!(keys.owner(key), Some(3));
        let longer = keys.take_or_extend(key, 4);
        assert_eq!(keys.name(longer), b"comm_");
        keys.begin();
        assert!(keys.take(key, 0));
    }

    #[test]
    fn names_that_read_the_same_are_one_key() {
        let mut keys = Keys::default();
        assert_eq!(keys.key(b"a\xff"), keys.key(br"a\xff"));
        let key = keys.key(b"q\"\n");
        assert_eq!(keys.json(key), br#","q\"\n":"#);
    }
}
