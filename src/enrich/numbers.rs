//! How far the kernel has come with giving out process numbers.
//!
//! The kernel gives out the numbers in order, and begins again at 300 after the highest one. So the number of a process
//! that has ended can't belong to another one before all other numbers had their turn. The numbers of processes that
//! start tell where the kernel is.
//!
//! Not every number tells it: a process may have started long before its first event. A number far from the others is a
//! stray one. It is believed when more numbers near it follow. Until then both is possible, and a number counts as reused
//! if it is in either case.

/// The first number that the kernel gives out again after the highest one (`RESERVED_PIDS` in the kernel's pid.c).
const LOWEST: u32 = 300;
/// The least distance that counts as a step forward.
const LEAST_REACH: u32 = 4096;
/// The least distance by which the order of first events may differ from the order of starts. A host with less than
/// twice as many numbers couldn't even start.
const LEAST_NOISE: u32 = 256;
/// The stray numbers in a row, near each other, that are believed.
const BELIEVED: u32 = 4;
/// The stray numbers in a row that are believed wherever they are.
const MOST_STRAYS: u32 = 16;

/// A point in the sequence of all numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// How often the numbers began again.
    lap: u32,
    number: u32,
    /// The stray number at that time.
    stray: Option<Stray>,
}

/// A number far from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stray {
    number: u32,
    /// Counts the strays. Numbers near each other are one.
    nth: u32,
}

impl Position {
    fn go(self, number: u32) -> Self {
        let lap = if number < self.number { self.lap.saturating_add(1) } else { self.lap };
        Self { lap, number, stray: None }
    }

    /// The position, if the stray number tells it.
    fn believing(self) -> Self {
        self.stray.map_or(self, |stray| self.go(stray.number))
    }
}

/// The numbers of one node.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    at: Position,
    /// The highest number so far.
    highest: u32,
    /// The count of strays.
    strays: u32,
    /// Numbers in a row that are stray, and those of them that are near each other.
    in_a_row: u32,
    near_each_other: u32,
    /// The last stray that told the position.
    believed: u32,
}

impl Numbers {
    /// Notes the number of a process that has probably just started.
    pub(super) fn note(&mut self, number: u32) {
        if self.highest == 0 {
            (self.at.number, self.highest) = (number, number);
        }
        let (noise, reach, at) = (self.noise(), (self.highest / 4).max(LEAST_REACH), self.at.number);
        // The order of first events isn't exactly the order of starts.
        let is_late = if number <= at {
            at - number <= noise
        } else {
            let began_again = at <= LOWEST + noise && self.highest - at > reach;
            began_again && number >= self.highest.saturating_sub(noise)
        };
        let is_next = number > at && number - at <= reach;
        self.highest = self.highest.max(number);
        if is_late || is_next {
            self.at = if is_next { self.at.go(number) } else { Position { stray: None, ..self.at } };
            (self.in_a_row, self.near_each_other) = (0, 0);
        } else {
            self.stray(number);
        }
    }

    /// Notes a number far from the others.
    fn stray(&mut self, number: u32) {
        self.in_a_row += 1;
        let noise = self.noise();
        let near = self.at.stray.filter(|stray| {
            number >= stray.number.saturating_sub(noise) && number <= stray.number.saturating_add(LEAST_REACH)
        });
        let stray = match near {
            Some(stray) => {
                self.near_each_other += 1;
                Stray { number: number.max(stray.number), ..stray }
            }
            None => {
                (self.strays, self.near_each_other) = (self.strays.wrapping_add(1), 1);
                Stray { number, nth: self.strays }
            }
        };
        if self.near_each_other >= BELIEVED || self.in_a_row >= MOST_STRAYS {
            self.believed = stray.nth;
            self.at = self.at.go(stray.number);
            (self.in_a_row, self.near_each_other) = (0, 0);
        } else {
            self.at.stray = Some(stray);
        }
    }

    /// How far the order of first events may differ from the order of starts.
    fn noise(&self) -> u32 {
        (self.highest / 64).max(LEAST_NOISE)
    }

    /// The position now.
    pub(super) fn position(&self) -> Position {
        self.at
    }

    /// The position now, if this number has just been given to a new process.
    pub(super) fn position_of(&self, number: u32) -> Position {
        let ahead = number.checked_sub(self.at.number).is_some_and(|ahead| ahead <= self.noise());
        if ahead { self.at.go(number) } else { self.at }
    }

    /// True if a number that belonged to a process at one position may belong to another process now.
    pub(super) fn may_be_reused(&self, number: u32, since: Position) -> bool {
        let of = |position: Position| position.stray.map(|stray| stray.nth);
        let was = if of(since) == Some(self.believed) { since.believing() } else { since };
        let if_believed = if of(since) == of(self.at) { since.believing() } else { was };
        self.has_passed(self.at, number, was) || self.has_passed(self.at.believing(), number, if_believed)
    }

    /// True if the host gives out so few numbers, again and again, that their order tells nothing: between two events all
    /// of them may have had their turn.
    pub(super) fn are_few(&self) -> bool {
        self.at.lap > 0 && self.highest < 2 * LEAST_REACH
    }

    fn has_passed(&self, now: Position, number: u32, since: Position) -> bool {
        if (now.lap, now.number) == (since.lap, since.number) {
            return false;
        }
        // Processes of which no event came have numbers too, so the kernel may be further than the last event shows.
        let near = now.number.saturating_add(2 * self.noise()) >= number;
        let laps = now.lap.saturating_sub(since.lap);
        if number <= since.number { laps > 1 || (laps == 1 && near) } else { laps > 0 || near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(all: impl IntoIterator<Item = u32>) -> Numbers {
        let mut numbers = Numbers::default();
        all.into_iter().for_each(|number| numbers.note(number));
        numbers
    }

    #[test]
    fn a_number_comes_again_after_all_others() {
        let mut numbers = numbers((300..20_000).step_by(3));
        let since = numbers.position();
        let reused = |numbers: &Numbers| [500, 19_000, 19_999].map(|number| numbers.may_be_reused(number, since));
        assert_eq!(reused(&numbers), [false; 3]);
        (20_000..32_768).step_by(7).for_each(|number| numbers.note(number));
        assert_eq!(reused(&numbers), [false, false, true], "19,999 was ahead");
        (300..600).step_by(5).for_each(|number| numbers.note(number));
        assert_eq!(reused(&numbers), [true, false, true]);
        (600..19_100).step_by(5).for_each(|number| numbers.note(number));
        assert_eq!(reused(&numbers), [true; 3]);
    }

    #[test]
    fn a_process_that_started_long_ago_tells_nothing() {
        let mut numbers = numbers(10_000..10_100);
        let since = numbers.position();
        for stray in [700, 9000, 701] {
            numbers.note(stray);
            assert!(numbers.may_be_reused(600, since), "perhaps the numbers began again");
        }
        numbers.note(10_103);
        assert!(!numbers.may_be_reused(600, since), "they did not");
        // Some in a row are believed.
        (700..705).for_each(|number| numbers.note(number));
        assert!(numbers.may_be_reused(600, since));
        assert_eq!(numbers.position().lap, 1);
        // So are many that are far from each other.
        (0..MOST_STRAYS).for_each(|n| numbers.note(if n % 2 == 0 { 30_000 } else { 20_000 }));
        assert!(numbers.may_be_reused(10_000, since));
    }

    #[test]
    fn first_events_may_come_in_another_order_than_starts() {
        let mut numbers = numbers([1000, 1003, 1001, 1010, 1005, 32_700, 32_705, 32_701, 32_710]);
        numbers.note(32_760);
        let since = numbers.position();
        assert_eq!((since.lap, since.number), (0, 32_760));
        for number in [301, 32_765, 305, 303, 310, 308] {
            numbers.note(number);
            assert!(numbers.may_be_reused(301, since) || number > 32_000);
        }
        assert_eq!(numbers.position().lap, 1);
        assert!(!numbers.may_be_reused(2000, since));
        // What was seen while that was open isn't reused.
        let mut numbers = Numbers::default();
        (20_000..20_100).for_each(|number| numbers.note(number));
        numbers.note(400);
        let seen = numbers.position();
        assert!(!numbers.may_be_reused(400, seen));
        (401..500).for_each(|number| numbers.note(number));
        assert!(!numbers.may_be_reused(400, seen) && numbers.position().lap == 1);
    }

    #[test]
    fn few_numbers_are_reused_soon() {
        let mut numbers = numbers((300..2500).step_by(2));
        let since = numbers.position();
        (300..500).step_by(2).for_each(|number| numbers.note(number));
        assert!(numbers.may_be_reused(600, since) && !numbers.may_be_reused(2400, since));
    }
}
