//! Expired items leave the file, not only the answers.

use std::time::Duration;

use base::Store as _;
use base::clock::{Clock as _, ManualClock};
use base::conformance::START;
use base::store::{Body, Bulk, Write};

use crate::{TABLE, key, open_by};

#[tokio::test]
async fn expired_items_are_removed_in_pieces_and_others_stay() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(START);
    let store = open_by(&directory.path().join("freight.db"), &clock);
    let soon = clock.now() + Duration::from_secs(10);
    let later = clock.now() + Duration::from_secs(1_000);
    let item = |n: u32| {
        let body = Body::data(n.to_string());
        let body = match n % 3 {
            0 => body,
            1 => body.expiring(soon),
            _ => body.expiring(later),
        };
        Bulk::Put(key("p", &n.to_string()), body)
    };
    store.bulk(TABLE, (0..3_000).map(item).collect()).await.unwrap();
    assert_eq!(store.check().await.unwrap().rows, 3_000);

    clock.advance(Duration::from_secs(11));
    // Each of these is answered after the piece that the one before made due.
    for _ in 0..6 {
        store.write(vec![Write::put(key("q", "tick"), Body::default())]).await.unwrap();
    }
    assert_eq!(store.check().await.unwrap().rows, 2_001);
}
