//! The queue of an output: a bounded ring between the reader and the sink, and behind it, where there is one, a spool
//! on disk.
//!
//! The reader pushes into the ring and waits for nobody. The sink takes what is oldest: what a process before this one
//! left behind, then the spool, then the ring. A thread of the spool's own moves what is in the ring to disk when the
//! ring is half full or the sink fails; since it takes all of it, and the sink takes from the ring only while the
//! spool is empty, the order of events is kept.
//!
//! | file | what it holds |
//! |---|---|
//! | `ring.rs` | the ring |
//! | `spool/` | the queue on disk |
//! | `books.rs` | what came of every event |

pub mod books;
pub mod ring;
mod spool;

use crate::{
    config::{self, SpoolFull},
    log,
    losses::Losses,
};
use books::{Books, Fate, Loss};
use crossbeam_channel::{Receiver, Sender, bounded};
use ring::{Document, Ring};
pub use spool::Newest;
use spool::{Appended, Hand, Spool};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long the spool gathers documents while the sink fails.
const GATHER: Duration = Duration::from_millis(20);
/// How long after an error the disk is tried again.
const RETRY_DISK: Duration = Duration::from_secs(1);
/// How often a spool that can't be opened is tried again.
const RETRY_OPEN: Duration = Duration::from_secs(10);
/// How long the last write may take when all ends.
const LAST_WRITE: Duration = Duration::from_secs(5);
/// A failing disk is reported this often.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// How many documents a sink wants at once.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// At most so many.
    pub documents: usize,
    /// No more once they have so many bytes together.
    pub bytes: usize,
    /// How long it is worth waiting for that many.
    pub interval: Duration,
}

/// Where documents came from, and with that how they are done with.
#[derive(Debug)]
enum Origin {
    /// From the ring; true when the spool knew of them there.
    Ring(bool),
    Spool((u64, u64)),
    /// From a file of their own, or by now in one; it holds those from this one on.
    Hand(PathBuf, usize),
}

/// Documents in the hands of a sink. They are to be settled in order, and the batch then given back with
/// [`Outlet::done`], or with [`Outlet::leave`] when some are not settled.
#[derive(Debug)]
pub struct Batch {
    /// The documents, oldest first.
    pub documents: Vec<Document>,
    /// The first so many are settled.
    settled: usize,
    origin: Origin,
}

impl Batch {
    /// How many have no fate yet.
    pub fn unsettled(&self) -> usize {
        self.documents.len() - self.settled
    }

    /// True when the documents survive this process.
    pub fn is_on_disk(&self) -> bool {
        !matches!(self.origin, Origin::Ring(_))
    }
}

/// What [`Outlet::take_within`] found.
#[derive(Debug)]
pub enum Taken {
    /// Documents.
    Batch(Batch),
    /// None came in time.
    Nothing,
    /// None will come any more.
    End,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// Since when the oldest document in the ring waits.
    waiting_since: Instant,
    hands: VecDeque<Hand>,
    /// Documents in the spool that nobody has taken out yet.
    spooled: u64,
    /// How often documents were moved from the ring to the spool.
    moves: u64,
    /// One sink's thread reads the spool.
    reading: bool,
    /// One sink's thread watches the clock for a batch that isn't full, and wants to be woken for so many documents
    /// or bytes.
    timing: Option<(usize, usize)>,
    /// How many of the sink's threads sleep, and whether the spool's and the reader do: waking takes a system call.
    sinks_asleep: usize,
    spooler_asleep: bool,
    reader_asleep: bool,
    /// The sink doesn't get its documents delivered.
    failing: bool,
    /// The spool can't be written, or not read, until then.
    unwritable: Option<Instant>,
    unreadable: Option<Instant>,
    /// Why the spool takes no more, for messages.
    trouble: String,
    /// No more documents come.
    closed: bool,
    /// What is left stays where it is.
    abandoned: bool,
    /// The books are closed: what was still in somebody's hands is lost, whatever comes of it now.
    finished: bool,
    books: Books,
    newest_before: Option<Newest>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    config: config::Queue,
    run_dir: PathBuf,
    state: Mutex<State>,
    /// Something for the sink to do.
    work: Condvar,
    /// Something for the spool's thread to do.
    to_spool: Condvar,
    /// Room in the ring.
    room: Condvar,
    spool: std::sync::OnceLock<Spool>,
    full: Losses,
    spool_full: Losses,
    complained: Mutex<Option<Instant>>,
    /// Ends when the spool's thread does.
    spooler: Mutex<Option<Receiver<()>>>,
}

/// The writing end; there is one.
#[derive(Debug)]
pub struct Inlet {
    shared: Arc<Shared>,
    /// The sink is on this machine: its reader may be waited for.
    local: bool,
    /// How long the reader may still wait before it must have let something in.
    patience: Duration,
}

/// The reading end, of which there may be several; each document comes out once.
#[derive(Debug, Clone)]
pub struct Outlet {
    shared: Arc<Shared>,
}

/// A queue as configured. `local`: its sink is on this machine, so that the reader may wait for it, within a bound.
/// `run_dir` is where what concerns this process alone is kept, in memory if possible. `handed_over`: the spool was this
/// process's until now, and somebody who is late may still hold it.
///
/// # Errors
/// When the spool is in use by another process. A spool that the disk refuses is reported and tried again.
pub fn queue(
    name: &str,
    config: &config::Queue,
    local: bool,
    run_dir: &Path,
    handed_over: bool,
) -> io::Result<(Inlet, Outlet)> {
    let state = State {
        ring: Ring::new(config.slots, config.bytes),
        waiting_since: Instant::now(),
        hands: VecDeque::new(),
        spooled: 0,
        moves: 0,
        reading: false,
        timing: None,
        sinks_asleep: 0,
        spooler_asleep: false,
        reader_asleep: false,
        failing: false,
        unwritable: None,
        unreadable: None,
        trouble: String::new(),
        closed: false,
        abandoned: false,
        finished: false,
        books: Books::default(),
        newest_before: None,
    };
    let shared = Arc::new(Shared {
        name: name.to_string(),
        config: config.clone(),
        run_dir: run_dir.to_path_buf(),
        state: Mutex::new(state),
        work: Condvar::new(),
        to_spool: Condvar::new(),
        room: Condvar::new(),
        spool: std::sync::OnceLock::new(),
        full: Losses::new(format!("output {name}: ring full")),
        spool_full: Losses::new(format!("output {name}: spool full")),
        complained: Mutex::default(),
        spooler: Mutex::default(),
    });
    if config.spool.is_some() {
        if let Err(e) = shared.open_spool() {
            if e.kind() == io::ErrorKind::ResourceBusy && !handed_over {
                return Err(e);
            }
            shared.spool_trouble(&e, "can't be opened");
        }
        let spooler = thread::Builder::new().name(format!("spool {name}"));
        let (alive, ended) = bounded(0);
        spooler.spawn({
            let shared = shared.clone();
            move || {
                shared.run_spooler();
                // With it the spool: who waits for the end may open it then.
                drop(shared);
                drop::<Sender<()>>(alive);
            }
        })?;
        *locked(&shared.spooler) = Some(ended);
    }
    let inlet = Inlet { shared: shared.clone(), local, patience: config.max_wait };
    Ok((inlet, Outlet { shared }))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>, time: Option<Duration>) -> MutexGuard<'a, State> {
    match time {
        None => condition.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(time) => condition.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
    }
}

impl Inlet {
    /// Puts a document in. For a local sink, and for a spool that works, the reader waits for room, but no longer
    /// than `max_wait` in a row: what one document used up the next can't. False when the document is lost, which is
    /// then counted and reported.
    pub fn push(&mut self, document: Document, newest: Option<Newest>) -> bool {
        let shared = &self.shared;
        let mut state = locked(&shared.state);
        if !shared.always_spools() {
            state.books.events += 1;
        }
        if !state.ring.has_room(document.len()) && !self.patience.is_zero() {
            let start = Instant::now();
            while !state.ring.has_room(document.len())
                && start.elapsed() < self.patience
                && (self.local || shared.spool_makes_room(&state))
            {
                shared.to_spool.notify_one();
                state.reader_asleep = true;
                state = wait(&shared.room, state, Some(Duration::from_millis(5)));
                state.reader_asleep = false;
            }
            self.patience = self.patience.saturating_sub(start.elapsed());
        }
        if !state.ring.has_room(document.len()) {
            if shared.always_spools() {
                state.books.events += 1;
            }
            state.books.settle(1, Fate::Lost(Loss::RingFull));
            let why = state.trouble.clone();
            drop(state);
            self.see(newest);
            shared.full.lost(&why);
            shared.owe();
            return false;
        }
        self.patience = shared.config.max_wait;
        if let Some(spool) = shared.spool.get() {
            spool.take(newest);
        }
        if state.ring.len() == 0 {
            state.waiting_since = Instant::now();
        }
        state.ring.push(document);
        if !shared.always_spools() {
            state.books.ring += 1;
        }
        let wake_spool = state.spooler_asleep && shared.should_spool(&state);
        let enough = |(documents, bytes)| state.ring.len() >= documents || state.ring.bytes() >= bytes;
        let wake_sink = state.sinks_asleep > 0 && state.timing.is_none_or(enough);
        drop(state);
        if wake_sink {
            shared.work.notify_one();
        }
        if wake_spool {
            shared.to_spool.notify_one();
        }
        true
    }

    /// An event that filters dropped: only its serial matters.
    pub fn see(&self, newest: Option<Newest>) {
        if let (Some(spool), Some(newest)) = (self.shared.spool.get(), newest) {
            spool.see(newest);
        }
    }

    /// An event that the output's settings leave out.
    pub fn leave_out(&self, newest: Option<Newest>) {
        self.see(newest);
        let mut state = locked(&self.shared.state);
        state.books.events += 1;
        state.books.left_out += 1;
    }

    /// To be called about once a second: reports what was held back.
    pub fn tick(&self) {
        self.shared.full.tick();
        self.shared.spool_full.tick();
        self.shared.owe();
    }
}

/// Ends the input: the sink gets what is left, and then its end.
impl Drop for Inlet {
    fn drop(&mut self) {
        self.shared.full.finish();
        self.shared.spool_full.finish();
        locked(&self.shared.state).closed = true;
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }
}

impl Outlet {
    /// The next documents, waiting for them; `None` when none will come any more.
    pub fn take(&self, want: &Want) -> Option<Batch> {
        loop {
            match self.take_within(want, Duration::from_secs(3600)) {
                Taken::Batch(batch) => return Some(batch),
                Taken::Nothing => (),
                Taken::End => return None,
            }
        }
    }

    /// The next documents, waiting so long for them.
    pub fn take_within(&self, want: &Want, patience: Duration) -> Taken {
        let shared = &self.shared;
        let deadline = Instant::now() + patience;
        // Before the ring is half full, which is when its documents go to the spool.
        let enough =
            (want.documents.min(shared.config.slots / 4).max(1), want.bytes.min(shared.config.bytes / 4).max(1));
        let mut state = locked(&shared.state);
        loop {
            if state.abandoned {
                return Taken::End;
            }
            if let Some(Hand { path, documents }) = state.hands.pop_front() {
                return Taken::Batch(Batch { documents, settled: 0, origin: Origin::Hand(path, 0) });
            }
            let readable = state.unreadable.is_none_or(|until| until <= Instant::now());
            if state.spooled > 0 && readable && !state.reading {
                state.reading = true;
                drop(state);
                let read = shared.read_spool(want);
                state = locked(&shared.state);
                state.reading = false;
                // Others may go on where this one ends.
                shared.work.notify_one();
                match read {
                    Some(batch) => return Taken::Batch(batch),
                    None => continue,
                }
            }
            let ring_is_next = (state.spooled == 0 || !readable)
                && !state.reading
                && !state.ring.has_some_away()
                && (!shared.always_spools() || state.unwritable.is_some() || shared.spool.get().is_none());
            let mut limit = deadline;
            if ring_is_next && state.ring.len() > 0 {
                let due = state.waiting_since + want.interval;
                let full = state.ring.len() >= enough.0 || state.ring.bytes() >= enough.1;
                if full || state.closed || Instant::now() >= due {
                    return Taken::Batch(shared.take_from_ring(&mut state, want));
                }
                limit = limit.min(due);
            }
            let idle = state.spooled == 0 && !state.reading && state.ring.len() == 0 && !state.ring.has_some_away();
            if state.closed && idle {
                // One who slept while another read the last is to know it too.
                shared.work.notify_one();
                return Taken::End;
            }
            let now = Instant::now();
            if now >= deadline {
                return Taken::Nothing;
            }
            let clock = limit < deadline && state.timing.is_none();
            if clock {
                state.timing = Some(enough);
            }
            let until = if clock { limit } else { deadline };
            let retry = if readable { until } else { until.min(now + RETRY_DISK) };
            state.sinks_asleep += 1;
            state = wait(&shared.work, state, Some(retry.saturating_duration_since(now)));
            state.sinks_asleep -= 1;
            if clock {
                state.timing = None;
            }
        }
    }

    /// Notes what came of the next so many documents of a batch.
    pub fn settle(&self, batch: &mut Batch, number: usize, fate: Fate) {
        batch.settled += number;
        let number = number as u64;
        let mut state = locked(&self.shared.state);
        if state.finished {
            return;
        }
        match batch.origin {
            Origin::Ring(_) => state.books.ring -= number,
            Origin::Spool(_) | Origin::Hand(..) => state.books.spool -= number,
        }
        state.books.settle(number, fate);
    }

    /// A batch is done with: all of its documents are settled.
    pub fn done(&self, batch: Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        match batch.origin {
            Origin::Ring(true) => spool.direct(batch.documents.len() as u64),
            Origin::Ring(false) => (),
            Origin::Spool(numbers) => spool.done(numbers),
            Origin::Hand(path, _) => spool.release(path),
        }
    }

    /// All documents of a batch have the same fate.
    pub fn settle_all(&self, mut batch: Batch, fate: Fate) {
        let number = batch.unsettled();
        self.settle(&mut batch, number, fate);
        self.done(batch);
    }

    /// Leaves a batch whose documents aren't all settled: the others stay in the spool, or come to it now. Without
    /// one they are lost at the end.
    pub fn leave(&self, mut batch: Batch) {
        self.secure(&mut batch);
        let Some(spool) = self.shared.spool.get() else { return };
        match &batch.origin {
            Origin::Spool((from, to)) => {
                let settled = batch.settled as u64;
                // With a damaged one among them it isn't known whose the numbers are; then they come again.
                if settled > 0 && to - from == batch.documents.len() as u64 {
                    spool.done((*from, from + settled));
                }
            }
            // Those that are settled mustn't come again.
            Origin::Hand(path, first) if batch.settled > *first => {
                if let Err(e) = spool.secure_rest(path, &batch.documents[batch.settled..]) {
                    self.shared.complain(format_args!("can't write into the spool: {e}; some events may come twice"));
                }
            }
            Origin::Hand(..) | Origin::Ring(_) => (),
        }
    }

    /// Makes sure that documents in the hands of a failing sink survive this process, if there is a spool. Those that
    /// come from it get a file of their own too: nothing behind them in the spool is kept, or comes again, because of
    /// them, however long the server refuses them.
    pub fn secure(&self, batch: &mut Batch) {
        let Some(spool) = self.shared.spool.get() else { return };
        if matches!(batch.origin, Origin::Hand(..)) {
            return;
        }
        let documents = &batch.documents[batch.settled..];
        let secured = spool.secure(documents);
        match (&batch.origin, secured) {
            (Origin::Ring(counted), Ok(path)) => {
                if *counted {
                    spool.direct(batch.documents.len() as u64);
                }
                let number = documents.len() as u64;
                batch.origin = Origin::Hand(path, batch.settled);
                let mut state = locked(&self.shared.state);
                if !state.finished {
                    state.books.ring -= number;
                    state.books.spool += number;
                }
            }
            (Origin::Spool(numbers), Ok(path)) => {
                spool.done(*numbers);
                batch.origin = Origin::Hand(path, batch.settled);
            }
            (Origin::Ring(_), Err(e)) => self.shared.complain(format_args!("can't write into the spool: {e}")),
            // They are on disk anyway.
            (Origin::Spool(_) | Origin::Hand(..), _) => (),
        }
    }

    /// True when there is a spool that holds what can't be delivered.
    pub fn has_spool(&self) -> bool {
        self.shared.spool.get().is_some()
    }

    /// Says whether documents get delivered at present; while they don't, what comes goes to the spool at once.
    pub fn set_failing(&self, failing: bool) {
        let mut state = locked(&self.shared.state);
        if state.failing != failing {
            state.failing = failing;
            drop(state);
            self.shared.to_spool.notify_one();
        }
    }

    /// True when no more documents come in.
    pub fn is_closed(&self) -> bool {
        locked(&self.shared.state).closed
    }

    /// The newest serial that a process before this one saw, if it has a spool and the system is still the same.
    pub fn newest_before(&self) -> Option<Newest> {
        locked(&self.shared.state).newest_before
    }

    /// What is left stays where it is: in the spool, or is given up by [`Outlet::finish`].
    pub fn abandon(&self) {
        locked(&self.shared.state).abandoned = true;
        self.shared.work.notify_all();
        self.shared.to_spool.notify_all();
    }

    /// After the sink's end: puts what is in the ring onto disk, gives up what can't be, and says what came of it all,
    /// and how many were given up.
    pub fn finish(&self) -> (Books, u64) {
        let shared = &self.shared;
        locked(&shared.state).abandoned = true;
        shared.to_spool.notify_all();
        let spooler = locked(&shared.spooler).take();
        if let Some(ended) = spooler {
            // It ends when all is written or can't be; only a disk that hangs makes it late.
            let _ = ended.recv_timeout(LAST_WRITE);
        }
        shared.full.finish();
        shared.spool_full.finish();
        let mut state = locked(&shared.state);
        if shared.always_spools() && !state.finished {
            // Also those on their way to a disk that hangs.
            let unwritten = state.ring.held().0 as u64;
            state.books.events += unwritten;
            state.books.ring += unwritten;
        }
        // Also what a sink still has in its hands.
        let left = state.books.ring;
        state.books.ring = 0;
        state.books.settle(left, Fate::Lost(Loss::AtEnd));
        state.finished = true;
        let books = state.books;
        drop(state);
        if let Some(spool) = shared.spool.get() {
            spool.forget_ring();
        }
        (books, left)
    }

    /// The books now.
    pub fn books(&self) -> Books {
        locked(&self.shared.state).books
    }

    /// The books now, with what is on its way to the disk as events in the ring, and bytes in the ring and in the
    /// spool's files.
    pub fn figures(&self) -> (Books, u64, u64) {
        let state = locked(&self.shared.state);
        let (documents, bytes) = state.ring.held();
        let mut books = state.books;
        drop(state);
        if self.shared.always_spools() {
            books.events += documents as u64;
            books.ring += documents as u64;
        }
        (books, bytes as u64, self.shared.spool.get().map_or(0, Spool::bytes))
    }
}

impl Shared {
    /// Notes how many losses nobody has been told of yet, in case this process is killed before it can.
    fn owe(&self) {
        if let Some(spool) = self.spool.get() {
            spool.owe(self.full.unreported() + self.spool_full.unreported());
        }
    }

    fn always_spools(&self) -> bool {
        self.config.spool.as_ref().is_some_and(|spool| spool.always)
    }

    /// The spool's thread is about to make room in the ring.
    fn spool_makes_room(&self, state: &State) -> bool {
        self.spool.get().is_some() && state.unwritable.is_none()
    }

    /// What is in the ring is to go to the spool.
    fn should_spool(&self, state: &State) -> bool {
        state.ring.len() > 0 && (state.failing || self.always_spools() || state.ring.is_half_full() || state.abandoned)
    }

    fn take_from_ring(&self, state: &mut State, want: &Want) -> Batch {
        let documents = state.ring.take(want.documents, want.bytes);
        if self.always_spools() {
            // The disk refuses: the ring is all there is.
            state.books.events += documents.len() as u64;
            state.books.ring += documents.len() as u64;
        }
        if state.ring.len() > 0 {
            state.waiting_since = Instant::now();
            self.work.notify_one();
        }
        if state.reader_asleep {
            self.room.notify_one();
        }
        Batch { documents, settled: 0, origin: Origin::Ring(self.spool.get().is_some()) }
    }

    /// Reads from the spool; `None` when there was nothing after all.
    fn read_spool(&self, want: &Want) -> Option<Batch> {
        let spool = self.spool.get()?;
        let moves = locked(&self.state).moves;
        let read = spool.read(want.documents, want.bytes);
        let mut state = locked(&self.state);
        let read = match read {
            Ok(read) => read,
            Err(e) => {
                state.unreadable = Some(Instant::now() + RETRY_DISK);
                drop(state);
                self.complain(format_args!("can't read the spool: {e}; trying on"));
                return None;
            }
        };
        state.unreadable = None;
        let documents = read.documents.len() as u64;
        let number = documents + read.damaged;
        // What the spool's thread has just written, or dropped, it may have yet to note in these books.
        while state.spooled < number && state.ring.has_some_away() {
            if state.abandoned {
                // The next process finds them in the spool.
                return None;
            }
            state = wait(&self.work, state, Some(RETRY_DISK));
        }
        if number == 0 && state.ring.has_some_away() {
            drop(wait(&self.work, state, Some(RETRY_DISK)));
            return None;
        }
        if number == 0 && state.moves != moves {
            return None;
        }
        state.spooled = state.spooled.saturating_sub(number);
        if number == 0 {
            // The spool and these books disagree, which would mean waiting for ever.
            state.books.spool -= state.spooled;
            let lost = std::mem::take(&mut state.spooled);
            state.books.settle(lost, Fate::Lost(Loss::SpoolDamaged));
            drop(state);
            self.report_damage(lost);
            return None;
        }
        state.books.spool -= read.damaged;
        state.books.settle(read.damaged, Fate::Lost(Loss::SpoolDamaged));
        drop(state);
        self.report_damage(read.damaged);
        if read.documents.is_empty() {
            spool.done(read.numbers);
            return None;
        }
        Some(Batch { documents: read.documents, settled: 0, origin: Origin::Spool(read.numbers) })
    }

    fn report_damage(&self, lost: u64) {
        if lost > 0 {
            let events = if lost == 1 { "event" } else { "events" };
            log::error(format_args!("output {}: spool damaged, {lost} {events} lost", self.name));
        }
    }

    fn complain(&self, what: impl std::fmt::Display) {
        let mut complained = locked(&self.complained);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            log::error(format_args!("output {}: {what}", self.name));
        }
    }

    fn spool_trouble(&self, e: &io::Error, what: &str) {
        let dir = self.config.spool.as_ref().map(|spool| spool.dir.display().to_string()).unwrap_or_default();
        self.complain(format_args!("spool {dir} {what}: {e}; trying on, with the ring alone"));
        let mut state = locked(&self.state);
        state.trouble = format!("spool: {e}");
        let soon = self.spool.get().is_some() || e.kind() == io::ErrorKind::ResourceBusy;
        state.unwritable = Some(Instant::now() + if soon { RETRY_DISK } else { RETRY_OPEN });
        drop(state);
        self.work.notify_all();
    }

    /// Opens the spool, and takes over what is in it.
    fn open_spool(&self) -> io::Result<()> {
        let Some(config) = &self.config.spool else { return Ok(()) };
        let (spool, found) = Spool::open(&self.name, config, &self.run_dir)?;
        let name = &self.name;
        let in_hands: u64 = found.hands.iter().map(|hand| hand.documents.len() as u64).sum();
        let waiting = found.spooled + in_hands;
        if waiting > 0 {
            log::info(format_args!("output {name}: {waiting} events found in the spool"));
        }
        for (lost, what) in [
            (found.killed, "the process before this one ended without a word, its ring with it"),
            (found.missing, "spool damaged"),
            (found.unreported, "the process before this one ended before it could report"),
        ] {
            if lost > 0 {
                let events = if lost == 1 { "event" } else { "events" };
                log::error(format_args!("output {name}: {what}, {lost} {events} lost"));
            }
        }
        let mut state = locked(&self.state);
        state.books.found += waiting + found.killed + found.missing + found.unreported;
        state.books.spool += waiting;
        state.books.settle(found.killed + found.unreported, Fate::Lost(Loss::Killed));
        state.books.settle(found.missing, Fate::Lost(Loss::SpoolDamaged));
        state.spooled = found.spooled;
        state.hands = found.hands;
        state.newest_before = found.newest;
        state.unwritable = None;
        // What came into the ring before there was a spool is counted there too.
        for _ in 0..state.ring.len() {
            spool.take(None);
        }
        let _ = self.spool.set(spool);
        drop(state);
        self.work.notify_all();
        Ok(())
    }

    /// The spool's thread: moves what is in the ring to disk when it should be there.
    fn run_spooler(&self) {
        let mut state = locked(&self.state);
        let mut tried_last = false;
        loop {
            let now = Instant::now();
            // At the end a disk that refused a moment ago is tried once more.
            let last = state.abandoned && !tried_last;
            tried_last = state.abandoned;
            let resting = state.unwritable.filter(|until| *until > now && !last);
            let ending = state.abandoned || (state.closed && state.ring.len() == 0 && !state.ring.has_some_away());
            if ending && (state.ring.len() == 0 || resting.is_some()) {
                return;
            }
            if let Some(until) = resting {
                state = wait(&self.to_spool, state, Some(until - now));
                continue;
            }
            if self.spool.get().is_none() {
                drop(state);
                if let Err(e) = self.open_spool() {
                    self.spool_trouble(&e, "can't be opened");
                }
                state = locked(&self.state);
                continue;
            }
            if !self.should_spool(&state) {
                state.spooler_asleep = true;
                state = wait(&self.to_spool, state, None);
                state.spooler_asleep = false;
                continue;
            }
            if !state.ring.is_half_full() && !state.abandoned && !self.always_spools() {
                let gathered = wait(&self.to_spool, state, Some(GATHER));
                state = gathered;
                if !self.should_spool(&state) {
                    continue;
                }
            }
            let documents = state.ring.take_away();
            drop(state);
            self.move_to_spool(documents);
            state = locked(&self.state);
        }
    }

    fn move_to_spool(&self, documents: Vec<Document>) {
        let Some(spool) = self.spool.get() else { return };
        let appended = spool.append(&documents);
        self.note_moved(spool, documents, appended);
    }

    /// Notes in the books what came of documents that were to go to the spool.
    fn note_moved(&self, spool: &Spool, mut documents: Vec<Document>, appended: Appended) {
        let mut rest = documents.split_off(appended.stored);
        let too_large = u64::from(appended.too_large);
        if appended.too_large {
            rest.remove(0);
            spool.direct(1);
        }
        let stored = appended.stored as u64;
        let mut state = locked(&self.state);
        if state.finished {
            return;
        }
        if self.always_spools() {
            state.books.events += stored + too_large;
        } else {
            state.books.ring -= stored + too_large;
        }
        state.books.spool += stored;
        state.moves += 1;
        state.spooled += stored;
        state.spooled = state.spooled.saturating_sub(appended.dropped);
        state.books.spool -= appended.dropped;
        state.books.settle(appended.dropped + too_large, Fate::Lost(Loss::SpoolFull));
        state.ring.arrived(rest);
        if appended.error.is_none() {
            state.unwritable = None;
            state.trouble.clear();
        }
        drop(state);
        self.work.notify_all();
        self.room.notify_one();
        let limit = self.config.spool.as_ref().map_or(SpoolFull::DropNewest, |spool| spool.full);
        if appended.dropped > 0 {
            self.spool_full.lost_many(appended.dropped, "the oldest are dropped");
        }
        if appended.too_large {
            self.spool_full.lost("larger than half of spool_limit");
        }
        self.owe();
        match appended.error {
            Some(e) if e.kind() == io::ErrorKind::QuotaExceeded && limit == SpoolFull::DropNewest => {
                let mut state = locked(&self.state);
                state.trouble = format!("{e}, and spool_full = drop_newest");
                state.unwritable = Some(Instant::now() + Duration::from_millis(100));
            }
            Some(e) => self.spool_trouble(&e, "can't be written"),
            None => (),
        }
    }
}

#[cfg(test)]
mod tests;
