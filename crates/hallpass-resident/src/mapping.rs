//! The kernel's list of what is mapped (`/proc/PID/smaps`, proc_pid_smaps(5)).

/// A range of addresses and what the kernel says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// Its first address.
    pub start: usize,
    /// Bytes.
    pub length: usize,
    /// Bytes that are in memory now.
    pub resident: u64,
    /// Whether it can be written, now.
    pub writable: bool,
    /// Whether it is shared with whoever maps the same file.
    pub shared: bool,
    /// Whether there is a file behind it.
    pub of_file: bool,
    /// Bytes that are this process's own, not the file's. Nothing when the kernel does not say.
    pub anonymous: Option<u64>,
}

impl Mapping {
    /// All of a list. What cannot be read is passed over.
    pub fn all(list: &str) -> impl Iterator<Item = Self> {
        let mut lines = list.lines().peekable();
        std::iter::from_fn(move || {
            loop {
                let mut found = Self::begin(lines.next()?);
                // Its lines go on until the next range begins.
                while let Some(line) = lines.next_if(|line| !is_beginning(line)) {
                    if let (Some(mapping), Some((name, kib))) = (&mut found, number(line)) {
                        let bytes = kib.saturating_mul(1024);
                        match name {
                            "Rss" => mapping.resident = bytes,
                            "Anonymous" => mapping.anonymous = Some(bytes),
                            _ => {}
                        }
                    }
                }
                if found.is_some() {
                    return found;
                }
            }
        })
    }

    /// Whether it holds nothing but what the file holds, and nobody in this process can change that.
    #[must_use]
    pub fn is_only_a_view(&self) -> bool {
        self.of_file
            && !self.writable
            && !self.shared
            && self.anonymous == Some(0)
            && self.resident > 0
    }

    /// `START-END PERMISSIONS OFFSET DEVICE INODE PATH`
    fn begin(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        let permissions = fields.next()?;
        let inode = fields.nth(2)?;
        Some(Self {
            start,
            length: end.checked_sub(start)?,
            resident: 0,
            writable: permissions.contains('w'),
            shared: !permissions.contains('p'),
            of_file: inode != "0" && fields.next().is_some_and(|path| path.starts_with('/')),
            anonymous: None,
        })
    }
}

/// Names of numbers begin with a capital letter, addresses with a small hexadecimal digit.
fn is_beginning(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_lowercase())
}

/// `NAME: NUMBER kB`
fn number(line: &str) -> Option<(&str, u64)> {
    let (name, rest) = line.split_once(':')?;
    let number = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((name, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
55d0a000-55d0b000 r--p 00000000 fe:00 123                                /usr/bin/my program
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55d0b000-55d0d000 r--p 00001000 fe:00 123                                /usr/bin/my program
Rss:                   8 kB
Anonymous:             4 kB
55d0d000-55d0e000 rw-p 00003000 fe:00 123                                /usr/bin/my program
Rss:                   4 kB
Anonymous:             0 kB
55d0e000-55d0f000 r--s 00000000 fe:00 124                                /tmp/shared
Rss:                   4 kB
Anonymous:             0 kB
7ffd0000-7ffd2000 r-xp 00000000 00:00 0                                  [vdso]
Rss:                   4 kB
Anonymous:             0 kB
7ffe0000-7ffe2000 r--p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
7fff0000-7fff2000 r-xp 00000000 fe:00 125                                /usr/lib/silent.so
Rss:                   4 kB
7fff2000-7fff4000 r-xp 00000000 fe:00 126                                /usr/lib/untouched.so
Rss:                   0 kB
Anonymous:             0 kB
";

    #[test]
    fn all_ranges_of_a_list_are_found() {
        let all: Vec<_> = Mapping::all(LIST).collect();
        assert_eq!(all.len(), 8);
        assert_eq!((all[0].start, all[0].length), (0x55d0_a000, 0x1000));
        assert_eq!((all[1].resident, all[1].anonymous), (8192, Some(4096)));
    }

    #[test]
    fn only_what_nobody_has_written_or_can_write_is_a_view_of_a_file() {
        let views: Vec<_> = Mapping::all(LIST)
            .map(|mapping| mapping.is_only_a_view())
            .collect();
        // The program's constants; what the loader has written to; what can be written; what is shared; what has no file, by
        // its name and without one; what the kernel says nothing of; what is not in memory.
        assert_eq!(
            views,
            [true, false, false, false, false, false, false, false]
        );
    }

    #[test]
    fn lines_that_cannot_be_read_are_passed_over() {
        let damaged =
            "zz-yy r--p 0 0 1 /x\nRss: 4 kB\nnothing\nRss: many kB\n\n55d0-55c0 r--p 0 0 1 /x\n";
        assert_eq!(Mapping::all(damaged).count(), 0);
        assert_eq!(Mapping::all("").count(), 0);
    }
}
