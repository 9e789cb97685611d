//! How partials follow the records.

use std::time::Duration;

use base::Clock as _;
use source::model::Level;
use source::model::record::Draft;
use source::service::window::Wanted;

use crate::world::World;

const DAY: i64 = 24 * 3_600 * 1_000_000;

async fn write(world: &mut World, ts: &str, value: i64) {
    let request = world.ctx();
    let ts = format!("{ts:?}");
    let draft = Draft::new(&format!(r#"{{"v":{value}}}"#), Some("s"), Some(&ts), request.now()).unwrap();
    let record = world.source.record_of(&request, &draft, 0);
    world.source.record_write(&request, &draft, &record, None).await.unwrap();
}

#[tokio::test]
async fn a_mark_is_made_once_for_many_records_and_goes_when_all_is_computed() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    for second in 0..20 {
        write(&mut world, &format!("2026-01-15T10:30:{second:02}Z"), second).await;
    }
    assert_eq!(world.marks("s").await, 1);
    world.roll("s").await;
    assert_eq!(world.marks("s").await, 0);
    let shelf = world.shelf("s");
    for level in Level::ALL {
        let from = level.floor("2026-01-15T10:30:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond());
        assert_eq!(shelf.partial_records(level, from).await.unwrap(), 20, "{level:?}");
    }
    assert_eq!(shelf.total().await.unwrap().0, 20);
}

#[tokio::test]
async fn late_rows_count_at_once_and_are_told() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    write(&mut world, "2026-01-14T08:00:01Z", 1).await;
    world.roll("s").await;
    write(&mut world, "2026-01-14T08:00:02Z", 3).await;
    let request = world.ctx();
    let from = "2026-01-14T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let window = world.source.window(&request, &"s".parse().unwrap(), &[from, from + DAY], Wanted::ALL).await.unwrap();
    assert_eq!((window.late_rows, window.buckets[0].partial.records), (1, 2));
    assert_eq!(window.buckets[0].partial.readings["v"].mean, 2.0);
    world.roll("s").await;
    let window = world.source.window(&request, &"s".parse().unwrap(), &[from, from + DAY], Wanted::ALL).await.unwrap();
    assert_eq!((window.late_rows, window.buckets[0].partial.records), (0, 2));
}

#[tokio::test]
async fn a_series_of_very_many_numbers_is_kept_in_chunks() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    for part in 0..4 {
        let request = world.ctx();
        let member = |n: usize| format!(r#""{}-{part}-{n}":{n}.25"#, "long-name ".repeat(20));
        let data = format!("{{{}}}", (0..250).map(member).collect::<Vec<_>>().join(","));
        for row in 0..2 {
            let draft = Draft::new(&data, Some("wide"), None, request.now()).unwrap();
            let record = world.source.record_of(&request, &draft, row);
            world.source.record_write(&request, &draft, &record, None).await.unwrap();
        }
    }
    world.roll("wide").await;
    let request = world.ctx();
    let from = Level::Day.floor(request.now().as_microsecond());
    let window =
        world.source.window(&request, &"wide".parse().unwrap(), &[from, from + DAY], Wanted::ALL).await.unwrap();
    let partial = &window.buckets[0].partial;
    assert_eq!((partial.records, partial.readings.len()), (8, 1_000));
    assert!(partial.readings.values().all(|figures| figures.n == 2 && figures.mean == figures.max));
    let draft = r#"{"one":1,"more":2,"than":3,"there":4,"may":5,"be":6,"in":7,"a":8,"series":9,"of":10,
        "this":11,"many":12,"different":13,"numbers":14,"so":15,"it":16,"is":17,"refused":18,"and":19,
        "said":20,"to":21,"the":22,"one who":23,"sent":24,"them":25}"#;
    let draft = Draft::new(draft, Some("wide"), None, request.now()).unwrap();
    let record = world.source.record_of(&request, &draft, 0);
    let refused = world.source.record_write(&request, &draft, &record, None).await.unwrap_err();
    assert_eq!(refused.details()[0].field, "data");
}

#[tokio::test]
async fn a_hot_series_does_not_stall_the_others() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    world.breaths = 1;
    let request = world.ctx();
    let draft = |n: i64| {
        let ts = (request.now().as_second() - 60 * n).to_string();
        Draft::new(r#"{"v":1}"#, Some("hot"), Some(&ts), request.now()).unwrap()
    };
    let drafts: Vec<Draft> = (0..6_000).map(draft).collect();
    let records: Vec<_> =
        drafts.iter().enumerate().map(|(row, draft)| world.source.record_of(&request, draft, row)).collect();
    let results = world.source.records_write(&request, &drafts, &records).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    write(&mut world, "2026-01-15T10:30:00Z", 1).await;
    world.roll("s").await;
    assert!(world.marks("hot").await > 0, "the hot series was rolled up first");
    world.roll("hot").await;
    assert_eq!(world.shelf("hot").total().await.unwrap().0, 6_000);
}

#[tokio::test]
async fn hundreds_who_write_a_new_minute_at_once_make_one_mark() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    let requests: Vec<_> = (0..300).map(|_| world.ctx()).collect();
    let source = &world.source;
    let writes = requests.iter().enumerate().map(|(n, request)| async move {
        let draft = Draft::new(&format!(r#"{{"v":{n},"r{}":1}}"#, n % 50), Some("s"), None, request.now()).unwrap();
        let record = source.record_of(request, &draft, 0);
        source.record_write(request, &draft, &record, None).await
    });
    let results = futures::future::join_all(writes).await;
    assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|result| result.is_err()));
    assert_eq!(world.marks("s").await, 1);
    world.roll("s").await;
    assert_eq!(world.shelf("s").total().await.unwrap().0, 300);
}

#[tokio::test]
async fn a_mark_from_before_a_sleep_is_not_relied_on() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    write(&mut world, "2026-01-15T10:30:01Z", 1).await;
    let begun = world.clock.monotonic();
    world.clock.set_on(Duration::from_secs(3_600));
    world.roll("s").await;
    assert!(world.clock.monotonic() - begun < Duration::from_secs(20), "by this clock it could be relied on");
    // A device sends what it kept meanwhile.
    write(&mut world, "2026-01-15T10:30:02Z", 3).await;
    assert_eq!(world.marks("s").await, 1);
    world.roll("s").await;
    assert_eq!(world.shelf("s").total().await.unwrap().0, 2);
}
