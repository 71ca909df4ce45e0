//! Cold handles: keys into generation-counted tables, so that a freed, foreign or NULL handle is an
//! error, never a wild access.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use parking_lot::RwLock;

use crate::error::{Error, ErrorClass, Result};

/// The nouns that have handles; the number is part of the handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Schema = 1,
    Writer = 2,
    RecordLayout = 3,
    Sink = 4,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Schema => "schema",
            Kind::Writer => "writer",
            Kind::RecordLayout => "record layout",
            Kind::Sink => "sink",
        }
    }

    fn of(key: usize) -> Option<Kind> {
        [Kind::Schema, Kind::Writer, Kind::RecordLayout, Kind::Sink]
            .into_iter()
            .find(|&kind| key & 1 == 1 && key >> 1 & 7 == kind as usize)
    }
}

/// All objects of one kind.
pub struct Table<T> {
    kind: Kind,
    slots: RwLock<Vec<Slot<T>>>,
}

struct Slot<T> {
    /// Goes up at each free, so that old handles to the slot stop matching.
    generation: u32,
    entry: Option<Arc<Entry<T>>>,
}

struct Entry<T> {
    object: T,
    poisoned: AtomicBool,
}

/// An object in use: it lives on while this does, even if its handle is freed meanwhile.
pub struct InUse<T>(Arc<Entry<T>>);

impl<T> Table<T> {
    pub const fn new(kind: Kind) -> Self {
        Table { kind, slots: RwLock::new(Vec::new()) }
    }

    /// Stores an object and returns its handle: an odd number, so never the address of a C object.
    pub fn insert<H>(&self, object: T) -> *mut H {
        let entry = Some(Arc::new(Entry { object, poisoned: AtomicBool::new(false) }));
        let mut slots = self.slots.write();
        let index = match slots.iter().position(|slot| slot.entry.is_none() && slot.generation < u32::MAX) {
            Some(free) => free,
            None => {
                slots.push(Slot { generation: 1, entry: None });
                slots.len() - 1
            }
        };
        slots[index].entry = entry;
        let generation = slots[index].generation as usize;
        std::ptr::without_provenance_mut(generation << 32 | index << 4 | (self.kind as usize) << 1 | 1)
    }

    /// The object behind a handle; `argument` is the parameter's name in the header.
    #[track_caller]
    pub fn get<H>(&self, handle: *const H, argument: &str) -> Result<InUse<T>> {
        let key = handle.addr();
        let name = self.kind.name();
        if key == 0 {
            return Err(Error::invalid(format!("{argument} is NULL; pass a {name} handle")));
        }
        let stale = |what: String| {
            Error::new(ErrorClass::StaleHandle, format!("{argument} is {what}; pass a live {name} handle"))
        };
        match Kind::of(key) {
            Some(kind) if kind == self.kind => {}
            Some(kind) => return Err(stale(format!("a {} handle", kind.name()))),
            None => return Err(stale(format!("{key:#x}, which is no handle"))),
        }
        let slots = self.slots.read();
        let found = slots.get(key >> 4 & 0x0fff_ffff).filter(|slot| slot.generation as usize == key >> 32);
        let Some(entry) = found.and_then(|slot| slot.entry.clone()) else {
            return Err(stale("a handle that was freed".to_owned()));
        };
        if entry.poisoned.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorClass::Poisoned,
                format!("{argument} was in use when a panic was caught; free it"),
            ));
        }
        Ok(InUse(entry))
    }

    /// Takes the handle out of the table. The object goes when its last call in flight has returned.
    pub fn free<H>(&self, handle: *mut H) {
        let key = handle.addr();
        if Kind::of(key) != Some(self.kind) {
            return;
        }
        let mut slots = self.slots.write();
        let slot = slots.get_mut(key >> 4 & 0x0fff_ffff).filter(|slot| slot.generation as usize == key >> 32);
        if let Some(slot) = slot {
            let entry = slot.entry.take();
            slot.generation += 1;
            drop(slots);
            drop(entry); // may wait for threads, so not under the lock
        }
    }
}

impl<T> Deref for InUse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.object
    }
}

impl<T> Drop for InUse<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.poisoned.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Opaque;

    #[test]
    fn null_foreign_and_freed_handles_are_errors() {
        let (words, numbers) = (Table::new(Kind::Schema), Table::new(Kind::Writer));
        let word: *mut Opaque = words.insert("a");
        let number: *mut Opaque = numbers.insert(7);
        assert_eq!(*words.get(word, "schema").unwrap(), "a");
        let class = |handle| words.get(handle, "schema").map_or_else(|e| e.class(), |_| ErrorClass::Internal);
        assert_eq!(class(std::ptr::null_mut::<Opaque>()), ErrorClass::InvalidArgument);
        assert_eq!(class(number), ErrorClass::StaleHandle);
        assert_eq!(class(Box::leak(Box::new(Opaque))), ErrorClass::StaleHandle);
        words.free(word);
        words.free(word);
        words.free(number);
        assert_eq!(class(word), ErrorClass::StaleHandle);
        let again: *mut Opaque = words.insert("b");
        assert_ne!(word, again, "the slot is used again, the handle is not");
        assert_eq!(class(word), ErrorClass::StaleHandle);
        assert_eq!(*numbers.get(number, "writer").unwrap(), 7);
    }

    #[test]
    fn a_panic_poisons_the_handle_in_use() {
        let table = Table::new(Kind::Writer);
        let handle: *mut Opaque = table.insert(());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _in_use = table.get(handle, "writer").unwrap();
            panic!("while in use");
        }));
        assert!(panicked.is_err());
        let error = table.get(handle, "writer").map(|_| ()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Poisoned);
        table.free(handle);
    }
}
