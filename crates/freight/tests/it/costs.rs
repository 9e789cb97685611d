//! What is asked of the backends stays within its bounds.

#[path = "../../examples/costs/measures.rs"]
mod measures;

#[tokio::test]
async fn every_measure_keeps_its_bound() {
    let measures = measures::all().await;
    assert!(measures.len() >= 15, "{}", measures.len());
    for measures::Measure { name, what, bill, store_max, cache_max } in &measures {
        println!("{name}: {what}: {bill:?}, at most {store_max} requests to the store, {cache_max} to the cache");
    }
    let over = |measure: &&measures::Measure| {
        let asked = measure.bill.store();
        // A bound that is far off would hold nothing.
        let cached = measure.bill.cache;
        asked > measure.store_max || asked < measure.store_max / 4.0 || cached != measure.cache_max
    };
    let over: Vec<_> = measures.iter().filter(over).collect();
    assert!(over.is_empty(), "{over:#?}");
}
