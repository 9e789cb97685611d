//! What a disk keeps, and the randomness that decides it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A stream of numbers that a seed repeats (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Copies the files of one folder into another, which is made.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for file in files(from)? {
        fs::copy(from.join(&file), to.join(&file))?;
    }
    Ok(())
}

/// Lets a random part of what was written, but not synced, reach the disk all the same: any
/// sector may have, in any order, and the length of the file may have grown or not.
pub(super) fn mix(written: &Path, synced: &Path, random: &mut Random) -> Result<()> {
    let share = 5 + random.below(90);
    for file in files(synced)? {
        let Ok(written) = fs::read(written.join(&file)) else { continue };
        let mut disk = fs::read(synced.join(&file))?;
        if random.below(2) == 0 {
            disk.resize(written.len(), 0);
        }
        for (disk, written) in disk.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
            let length = disk.len().min(written.len());
            if random.below(100) < share {
                disk[..length].copy_from_slice(&written[..length]);
            }
        }
        fs::write(synced.join(&file), disk)?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|entry| PathBuf::from(entry.file_name())));
    let mut names = names.collect::<Result<Vec<_>, _>>()?;
    // The order of a folder is not repeated by a seed; that of names is.
    names.sort();
    Ok(names)
}

/// Lets some microseconds go by. Sleeping cannot be that short, and the moment is the attack.
pub(super) fn pause(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}
