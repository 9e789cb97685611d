//! How many may follow at once.
//!
//! A stream holds a connection and asks the store every second, so each tenant has so many seats
//! in a process and no more. A seat is given back when its stream is dropped, however that comes
//! about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Error, ErrorKind, Result, TenantId};

/// The most event streams that one tenant may have open in one process.
pub const SEATS_MAX: usize = 32;

type Taken = Arc<Mutex<HashMap<TenantId, usize>>>;

/// The seats of a process.
#[derive(Debug, Default)]
pub(super) struct Seats(Taken);

/// One seat, taken until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    taken: Taken,
    tenant: TenantId,
}

impl Seats {
    /// Takes a seat.
    ///
    /// # Errors
    /// `RateLimited` when the tenant has none left.
    pub(super) fn take(&self, tenant: &TenantId) -> Result<Seat> {
        let mut taken = lock(&self.0);
        let count = taken.entry(tenant.clone()).or_default();
        if *count >= SEATS_MAX {
            let text = format!("At most {SEATS_MAX} event streams of a tenant may be open at once");
            let error = Error::new(ErrorKind::RateLimited, text);
            return Err(error.with_retry_after(Duration::from_secs(5)));
        }
        *count += 1;
        Ok(Seat { taken: Arc::clone(&self.0), tenant: tenant.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

/// A counter is never left half changed, so that poison says nothing.
fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<TenantId, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_stream_is_dropped() {
        let seats = Seats::default();
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let mut taken: Vec<Seat> = (0..SEATS_MAX).map(|_| seats.take(&acme).unwrap()).collect();
        assert_eq!(seats.take(&acme).unwrap_err().kind(), ErrorKind::RateLimited);
        assert!(seats.take(&other).is_ok(), "one tenant's streams keep nobody else out");
        taken.pop();
        assert!(seats.take(&acme).is_ok());
        drop(taken);
        assert!(lock(&seats.0).is_empty());
    }
}
