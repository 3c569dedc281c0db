//! What of a process's memory is nothing but a view of files, and giving it back.
//!
//! A program's code and constants are mapped from its file. Whatever was touched once stays mapped, with its neighbours, and counts
//! as memory of the process: of a server that waits for requests, that is mostly what only its start has needed. The kernel may be
//! told that these pages are not wanted now. Nothing is lost by that: they are the file's, and who touches one again finds it in the
//! kernel's cache of the file.

mod mapping;

pub use mapping::Mapping;

/// Tells the kernel that no page of files that this process has mapped to read or run is wanted now. Answers the bytes that were
/// resident in them.
///
/// Left alone is whatever can be written, is shared with other processes' writing, or was written once, as the addresses that the
/// loader has adjusted were. It takes less than a millisecond; the next touch of each page costs about one millionth of a second.
///
/// # Errors
/// The kernel does not list the mappings, or this is not Linux.
pub fn give_back() -> std::io::Result<u64> {
    sys::give_back()
}

#[cfg(target_os = "linux")]
mod sys {
    use std::{fs, io};

    use rustix::mm::{Advice, madvise};

    use super::Mapping;

    pub(crate) fn give_back() -> io::Result<u64> {
        let list = fs::read_to_string("/proc/self/smaps")?;
        let mut bytes = 0_u64;
        for mapping in Mapping::all(&list).filter(Mapping::is_only_a_view) {
            if unmap(&mapping) {
                bytes = bytes.saturating_add(mapping.resident);
            }
        }
        Ok(bytes)
    }

    #[expect(
        unsafe_code,
        reason = "the kernel is told an address, which no safe function takes"
    )]
    fn unmap(mapping: &Mapping) -> bool {
        let start = std::ptr::with_exposed_provenance_mut(mapping.start);
        // SAFETY: `MADV_DONTNEED` on a private mapping of a file drops the process's own copies of pages that it has written and
        // its entries for the others. This mapping cannot be written, and the kernel has just said that it has no copies, so that
        // every later read sees the bytes of the file, as every read before did. Should the mapping have gone in the meantime, and
        // another one come to its place, that could only be by `munmap` and `mmap` of a library that is unloaded while the server
        // runs, which nothing in it does.
        unsafe { madvise(start, mapping.length, Advice::LinuxDontNeed) }.is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod sys {
    use std::io;

    pub(crate) fn give_back() -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_there_again_when_it_is_touched() {
        // Constants and code, before and after.
        let constant: &'static str = include_str!("lib.rs");
        let before: u64 = constant.bytes().map(u64::from).sum();
        assert!(give_back().unwrap() > 0);
        let after: u64 = constant.bytes().map(u64::from).sum();
        assert_eq!(before, after);
    }

    #[test]
    fn what_was_written_stays() {
        static WRITTEN: std::sync::Mutex<[u8; 3 * 4096]> = std::sync::Mutex::new([7; 3 * 4096]);
        let heap = vec![9_u8; 1 << 20];
        WRITTEN.lock().unwrap()[5000] = 8;
        give_back().unwrap();
        assert!(heap.iter().all(|byte| *byte == 9));
        let held = WRITTEN.lock().unwrap();
        assert_eq!((held[4999], held[5000]), (7, 8));
        // Through addresses that the loader has adjusted.
        let name: &dyn std::fmt::Display = &std::hint::black_box(12);
        assert_eq!(name.to_string(), "12");
    }

    #[test]
    fn fewer_pages_of_code_are_resident_afterwards() {
        let resident = || -> u64 {
            let list = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let views = Mapping::all(&list).filter(Mapping::is_only_a_view);
            views.map(|mapping| mapping.resident).sum()
        };
        let before = resident();
        give_back().unwrap();
        assert!(resident() < before);
    }
}
