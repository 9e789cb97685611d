//! The checksums of a row.
//!
//! SQLite has no page checksums: a flipped bit on the disk comes back as data, and its own check
//! calls the file sound. So each row carries two sums in one column, both verified at each read,
//! before a byte of the row is believed. The first covers the key; the second covers the key and
//! everything else. The one of the key is there by itself because a search has to judge rows it only
//! passes by (see [`crate::select`]), and their data can be long.
//!
//! They are XXH3-64, 8 bytes each, and guard against accidents, not against somebody who may write to
//! the file. Each part is hashed with the sum of the parts before it as its seed, so nothing is copied
//! together, and a byte that moves from one part to the next is noticed. Files of layout 1 have
//! BLAKE3 sums of 4 and 8 bytes; a row keeps those until it is written again, and the length says
//! which they are. Why another: docs/decisions/0011.
//!
//! What is hashed is part of the format: a maintainer who adds a column without hashing it has made
//! it unprotected.

use twox_hash::XxHash3_64;

use crate::row::{Place, Stored};

/// Bytes of the sum over the key, and of both.
const KEY: usize = 8;
pub(crate) const SUMS: usize = 16;

/// Both sums of a row that is written.
pub(crate) fn of(row: &Stored<'_>) -> [u8; SUMS] {
    let key = of_key(&row.place);
    let mut sums = [0; SUMS];
    sums[..KEY].copy_from_slice(&key.to_le_bytes());
    sums[KEY..].copy_from_slice(&of_all(row, key).to_le_bytes());
    sums
}

/// Whether a key is the one that was written.
pub(crate) fn key_is_sound(place: &Place<'_>, sums: &[u8]) -> bool {
    match sums.len() {
        SUMS => sums[..KEY] == of_key(place).to_le_bytes(),
        layout_1::SUMS => layout_1::key_is_sound(place, sums),
        _ => false,
    }
}

/// Whether every byte of a row is the one that was written.
pub(crate) fn is_sound(row: &Stored<'_>, sums: &[u8]) -> bool {
    match sums.len() {
        SUMS => of(row) == sums,
        layout_1::SUMS => layout_1::of(row) == sums,
        _ => false,
    }
}

fn of_key(place: &Place<'_>) -> u64 {
    chain(0, &[place.table, place.partition, place.sort])
}

fn of_all(row: &Stored<'_>, key: u64) -> u64 {
    let expires = row.expires.unwrap_or_default().to_le_bytes();
    let [version, data] = [row.version, row.data].map(Option::unwrap_or_default);
    chain(key, &[&[row.presence()], version, &expires, row.fields, data])
}

fn chain(seed: u64, parts: &[&[u8]]) -> u64 {
    parts.iter().fold(seed, |seed, part| XxHash3_64::oneshot_with_seed(seed, part))
}

/// The sums that the first layout had.
mod layout_1 {
    use crate::row::{Place, Stored};

    const KEY: usize = 4;
    pub(super) const SUMS: usize = 12;

    pub(super) fn key_is_sound(place: &Place<'_>, sums: &[u8]) -> bool {
        sums[..KEY] == hasher(place).finalize().as_bytes()[..KEY]
    }

    pub(super) fn of(row: &Stored<'_>) -> [u8; SUMS] {
        let mut hasher = hasher(&row.place);
        let mut sums = [0; SUMS];
        sums[..KEY].copy_from_slice(&hasher.finalize().as_bytes()[..KEY]);
        hasher.update(&[row.presence()]).update(row.version.unwrap_or_default());
        hasher.update(&row.expires.unwrap_or_default().to_le_bytes());
        hasher.update(&(row.fields.len() as u64).to_le_bytes()).update(row.fields);
        hasher.update(row.data.unwrap_or_default());
        sums[KEY..].copy_from_slice(&hasher.finalize().as_bytes()[..SUMS - KEY]);
        sums
    }

    fn hasher(place: &Place<'_>) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        for part in [place.table, place.partition, place.sort] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(key: [&'a str; 3], fields: &'a [u8], data: Option<&'a str>) -> Stored<'a> {
        let [table, partition, sort] = key.map(str::as_bytes);
        let place = Place { table, partition, sort };
        Stored { place, version: None, fields, data: data.map(str::as_bytes), expires: None }
    }

    #[test]
    fn a_byte_that_moves_to_the_next_part_is_noticed() {
        let rows = [
            row(["t", "ab", "c"], b"12", Some("34")),
            row(["t", "a", "bc"], b"12", Some("34")),
            row(["t", "ab", "c"], b"123", Some("4")),
            row(["t", "ab", "c"], b"12", None),
            row(["t", "ab", "c"], b"12", Some("")),
        ];
        for (n, one) in rows.iter().enumerate() {
            for (m, other) in rows.iter().enumerate() {
                assert_eq!(is_sound(one, &of(other)), n == m, "{n} {m}");
            }
        }
    }
}
