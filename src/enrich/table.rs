//! A map whose size has a limit.

use foldhash::fast::RandomState;
use std::{collections::HashMap, hash::Hash};

/// A map of limited size. It has two generations: when the recent one is full, it replaces the older one. Entries that
/// are used move to the recent one.
#[derive(Debug)]
pub(super) struct Generations<K, T> {
    recent: HashMap<K, T, RandomState>,
    older: HashMap<K, T, RandomState>,
    /// The most entries of one generation.
    most: usize,
    /// The most bytes that the entries of one generation own.
    most_bytes: usize,
    /// The bytes that the entries in `recent` own.
    bytes: usize,
}

/// An entry that owns memory.
pub(super) trait Weigh {
    /// The bytes of that memory.
    fn bytes(&self) -> usize;
}

impl<K: Eq + Hash + Copy, T: Weigh> Generations<K, T> {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self { recent: HashMap::default(), older: HashMap::default(), most, most_bytes, bytes: 0 }
    }

    /// An entry, as it is.
    pub(super) fn get(&self, key: &K) -> Option<&T> {
        self.recent.get(key).or_else(|| self.older.get(key))
    }

    /// An entry, as it is.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        if self.older.is_empty() { self.recent.get_mut(key) } else { self.touch(key) }
    }

    /// An entry that is used. The caller must not change the bytes that it owns; [`Generations::insert`] may.
    pub(super) fn touch(&mut self, key: &K) -> Option<&mut T> {
        if !self.older.is_empty()
            && !self.recent.contains_key(key)
            && let Some(entry) = self.older.remove(key)
        {
            self.insert(*key, entry);
        }
        self.recent.get_mut(key)
    }

    /// Removes an entry.
    pub(super) fn remove(&mut self, key: &K) {
        self.older.remove(key);
        if let Some(entry) = self.recent.remove(key) {
            self.bytes -= entry.bytes();
        }
    }

    /// Sets an entry.
    pub(super) fn insert(&mut self, key: K, entry: T) {
        let more = entry.bytes();
        let many = self.recent.len() >= self.most && !self.recent.contains_key(&key);
        if many || self.bytes + more > self.most_bytes {
            self.older = std::mem::take(&mut self.recent);
            self.bytes = 0;
        }
        let before = self.recent.insert(key, entry);
        self.bytes = self.bytes + more - before.as_ref().map_or(0, T::bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for Vec<u8> {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    fn held(map: &HashMap<u32, Vec<u8>, RandomState>) -> usize {
        map.values().map(Vec::len).sum()
    }

    #[test]
    fn entries_that_are_used_stay() {
        let mut map = Generations::new(10, 1000);
        for key in 0..100 {
            map.insert(key, vec![0]);
            assert!(map.touch(&0).is_some(), "{key}");
        }
        assert!(map.get(&99).is_some() && map.get(&50).is_none());
        assert!(map.recent.len() + map.older.len() <= 20);
    }

    #[test]
    fn memory_is_bounded() {
        let mut map = Generations::new(100, 1000);
        (0..100).for_each(|key| map.insert(key, Vec::new()));
        // The entries grow.
        (0..100).for_each(|key| map.insert(key, vec![0; 99]));
        assert!(held(&map.recent) <= 1000 && held(&map.older) <= 1000);
        assert_eq!(map.bytes, held(&map.recent));
        // One entry that changes again and again doesn't push out the others.
        map.insert(1, vec![0; 10]);
        map.insert(2, vec![0; 10]);
        for _ in 0..10_000 {
            map.insert(1, vec![0; 20]);
            map.insert(1, vec![0; 10]);
        }
        assert!(map.recent.contains_key(&2));
        assert_eq!(map.bytes, held(&map.recent));
    }
}
