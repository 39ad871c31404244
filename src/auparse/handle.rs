//! The only module that calls libauparse. Each method calls one function of the library.
//!
//! Every `unsafe` block here relies on these invariants of [`Handle`]:
//!
//! 1. The pointer came from `auparse_init`, is never null, and `auparse_destroy` is called on it once, in `drop`.
//! 2. libauparse keeps state in globals: the interpretations of enriched records, and the caches of user and group
//!    names (`interpret.c`). So every call that could touch them holds the lock [`LIBRARY`]. Calls that only move the
//!    cursor run inside a callback, so they run inside a call that holds the lock.
//! 3. Strings that libauparse hands out live in the current event. The next call that feeds, flushes or ages frees that
//!    event. Those calls take `&mut self`, and strings borrow `&self`. Moves of the cursor also borrow `&self`, because
//!    they change no string. Interpreting takes `&mut self`, because it changes the value while it works and then
//!    restores it.
#![allow(unsafe_code)]

use super::auparse_sys as sys;
use crate::lock::locked;
use std::{
    ffi::{CStr, c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr::{NonNull, null, null_mut},
    sync::{Mutex, MutexGuard},
};

/// libauparse isn't thread-safe. This lock makes calls of several parsers take turns.
static LIBRARY: Mutex<()> = Mutex::new(());

fn library() -> MutexGuard<'static, ()> {
    locked(&LIBRARY)
}

/// Owns an `auparse_state_t` in feed mode.
pub(super) struct Handle {
    state: NonNull<sys::auparse_state_t>,
}

/// The data that the `user_data` pointer of libauparse's callback points to during one call.
struct Call<F> {
    on_event: F,
    panic: Option<Box<dyn std::any::Any + Send>>,
}

/// The callback that libauparse calls when an event is whole.
///
/// # Safety
/// `user` points to a live `Call<F>` that nothing else uses during the call; `state` is the live parser.
unsafe extern "C" fn ready<F: FnMut(&mut Cursor)>(
    state: *mut sys::auparse_state_t,
    kind: sys::auparse_cb_event_t::Type,
    user: *mut c_void,
) {
    if kind != sys::auparse_cb_event_t::AUPARSE_CB_EVENT_READY {
        return;
    }
    // SAFETY: the caller's promise; `Handle::calling` passes exactly such a pointer and waits for the call to end.
    let call = unsafe { &mut *user.cast::<Call<F>>() };
    let Some(state) = NonNull::new(state) else {
        return;
    };
    if call.panic.is_some() {
        return;
    }
    let mut cursor = Cursor { state };
    // A panic must not cross C frames. It resumes after libauparse has returned.
    call.panic = catch_unwind(AssertUnwindSafe(|| (call.on_event)(&mut cursor))).err();
}

impl Handle {
    /// Creates a parser; `None` when there is no memory left.
    pub(super) fn new() -> Option<Self> {
        let _turn = library();
        // SAFETY: in feed mode the second argument is unused (auparse_init(3)).
        let state = NonNull::new(unsafe { sys::auparse_init(sys::ausource_t::AUSOURCE_FEED, null()) })?;
        // libauparse must not escape values. Only the JSON code does.
        // SAFETY: invariant 1.
        unsafe { sys::auparse_set_escape_mode(state.as_ptr(), sys::auparse_esc_t::AUPARSE_ESC_RAW) };
        Some(Self { state })
    }

    /// Runs `work` on the library with `on_event` as its callback.
    fn calling<F: FnMut(&mut Cursor)>(&mut self, on_event: F, work: impl FnOnce(*mut sys::auparse_state_t)) {
        let mut call = Call { on_event, panic: None };
        let user = (&raw mut call).cast::<c_void>();
        let turn = library();
        // SAFETY: invariant 1; `call` outlives `work`, and the callback is removed below before `call` ends.
        unsafe { sys::auparse_add_callback(self.state.as_ptr(), Some(ready::<F>), user, None) };
        work(self.state.as_ptr());
        // SAFETY: invariant 1; a new parser has a null callback too.
        unsafe { sys::auparse_add_callback(self.state.as_ptr(), None, null_mut(), None) };
        drop(turn);
        if let Some(panic) = call.panic {
            resume_unwind(panic);
        }
    }

    /// Calls `auparse_feed` with whole lines. Returns false when there is no memory left; the lines were not taken then.
    pub(super) fn feed(&mut self, lines: &[u8], on_event: impl FnMut(&mut Cursor)) -> bool {
        let mut taken = true;
        self.calling(on_event, |state| {
            // SAFETY: invariant 1; pointer and length are those of one slice, which libauparse copies.
            taken = unsafe { sys::auparse_feed(state, lines.as_ptr().cast::<c_char>(), lines.len()) } == 0;
        });
        taken
    }

    /// Calls `auparse_flush_feed`, which hands out all events that are left.
    pub(super) fn flush(&mut self, on_event: impl FnMut(&mut Cursor)) {
        self.calling(on_event, |state| {
            // SAFETY: invariant 1.
            unsafe { sys::auparse_flush_feed(state) };
        });
    }

    /// Calls `auparse_feed_age_events`, which hands out events older than the library's end-of-event timeout (2 s).
    pub(super) fn age(&mut self, on_event: impl FnMut(&mut Cursor)) {
        self.calling(on_event, |state| {
            // SAFETY: invariant 1.
            unsafe { sys::auparse_feed_age_events(state) };
        });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _turn = library();
        // SAFETY: invariant 1; `self` is gone afterwards.
        unsafe { sys::auparse_destroy(self.state.as_ptr()) };
    }
}

/// libauparse's cursor over the event that it is handing out. It exists only inside a callback.
pub(super) struct Cursor {
    state: NonNull<sys::auparse_state_t>,
}

/// Borrows a text that libauparse handed out.
///
/// # Safety
/// `text` is null or points to a NUL-terminated string that lives and doesn't change for `'a`.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(text) })
}

impl Cursor {
    /// Seconds, milliseconds and serial of the event. `None` when the event's time is 0, because libauparse gives no
    /// answer then.
    pub(super) fn id(&self) -> Option<(i64, u32, u64)> {
        // SAFETY: invariant 1.
        let id = NonNull::new(unsafe { sys::auparse_get_timestamp(self.state.as_ptr()) }.cast_mut())?;
        // SAFETY: it points into the current event (invariant 3) and is copied at once.
        let id = unsafe { id.as_ref() };
        #[allow(clippy::useless_conversion)] // time_t and long differ between machines
        Some((id.sec.into(), id.milli, id.serial.into()))
    }

    /// Goes to the first field of the first record.
    pub(super) fn first_record(&self) -> bool {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_first_record(self.state.as_ptr()) > 0 }
    }

    /// Goes to the next record, if there is one.
    pub(super) fn next_record(&self) -> bool {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_next_record(self.state.as_ptr()) > 0 }
    }

    /// Goes to a record by its place in the event.
    pub(super) fn goto_record(&self, number: u32) -> bool {
        // SAFETY: invariant 1; the library checks the number.
        unsafe { sys::auparse_goto_record_num(self.state.as_ptr(), number) > 0 }
    }

    /// Goes to a field of the current record by its place.
    pub(super) fn goto_field(&self, number: u32) -> bool {
        // SAFETY: invariant 1; the library checks the number.
        unsafe { sys::auparse_goto_field_num(self.state.as_ptr(), number) > 0 }
    }

    /// Number of the current record's type.
    pub(super) fn record_type(&self) -> i32 {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_get_type(self.state.as_ptr()) }
    }

    /// libaudit's name of the current record's type. It is an entry of a static table.
    pub(super) fn record_type_name(&self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let name = unsafe { sys::auparse_get_type_name(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(name) }
    }

    /// The current record's text, without the text that auditd appended.
    pub(super) fn record_text(&self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let record = unsafe { sys::auparse_get_record_text(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(record) }
    }

    /// The text that auditd appended to the current record in an enriched log.
    pub(super) fn record_interpretations(&self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let appended = unsafe { sys::auparse_get_record_interpretations(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(appended) }
    }

    /// Goes to the current record's first field, if it has any.
    pub(super) fn first_field(&self) -> bool {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_first_field(self.state.as_ptr()) > 0 }
    }

    /// Goes to the next field, if there is one.
    pub(super) fn next_field(&self) -> bool {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_next_field(self.state.as_ptr()) > 0 }
    }

    /// The addresses of the current field's name and value; 0 if there is none. They are compared, never read.
    pub(super) fn field_addresses(&self) -> (usize, usize) {
        // SAFETY: invariant 1.
        let name = unsafe { sys::auparse_get_field_name(self.state.as_ptr()) };
        // SAFETY: invariant 1.
        let value = unsafe { sys::auparse_get_field_str(self.state.as_ptr()) };
        (name.addr(), value.addr())
    }

    /// The current field's name.
    pub(super) fn field_name(&self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let name = unsafe { sys::auparse_get_field_name(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(name) }
    }

    /// The current field's value. libauparse ends it at a space.
    pub(super) fn field_value(&self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let value = unsafe { sys::auparse_get_field_str(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(value) }
    }

    /// The `auparse_type_t` of the current field.
    pub(super) fn field_type(&self) -> i32 {
        // SAFETY: invariant 1.
        unsafe { sys::auparse_get_field_type(self.state.as_ptr()) }
    }

    /// libauparse's interpretation of the current field.
    pub(super) fn interpret(&mut self) -> Option<&CStr> {
        // SAFETY: invariant 1.
        let meaning = unsafe { sys::auparse_interpret_field(self.state.as_ptr()) };
        // SAFETY: invariant 3.
        unsafe { text(meaning) }
    }
}
