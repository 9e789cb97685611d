//! Series, windows and records.

use serde_json::{Value, json};
use testkit::Client;

use super::{Callers, field};

pub(super) async fn cases(callers: &Callers) {
    // A day of Lisbon on which the clocks go forward, every half hour, and a gap in it.
    let rows: Vec<Value> = (0..46)
        .filter(|n| !(10..20).contains(n))
        .map(|n| json!({ "name": "march", "ts": 1_774_742_400 + n * 1_800, "data": { "t": n, "u": { "v": -n } } }))
        .collect();
    callers.writer.post("/source/write_batch", &json!({ "records": rows })).await.expect(207);
    let reader = &callers.reader;
    a_series_says_what_it_holds(reader).await;
    series_are_listed_by_name(reader).await;
    a_window_has_every_figure(reader).await;
    buckets_are_cut_by_length_or_by_the_calendar(reader).await;
    what_is_no_window_is_named(reader).await;
    records_are_read_in_every_form(reader).await;
}

const DAY: &str = "from=2026-03-29T00:00:00Z&to=2026-03-29T23:00:00Z";

async fn a_series_says_what_it_holds(reader: &Client) {
    let series = reader.get("/source/series/march").await.expect(200).json();
    assert_eq!((&series["name"], &series["records"]), (&json!("march"), &json!(36)));
    assert_eq!(series["first"], "2026-03-29T00:00:00.000000Z");
    assert_eq!(series["last"], "2026-03-29T22:30:00.000000Z");
    assert_eq!(series["readings"], json!(["t", "u.v"]));
    reader.get("/source/series/nobody").await.expect(404);
    reader.get("/source/series/nobody/window").await.expect(404);
    reader.get("/source/series/nobody/records").await.expect(404);
}

async fn series_are_listed_by_name(reader: &Client) {
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = names(&reader.get("/source/series?limit=1000").await.expect(200).json());
    assert!(all.is_sorted() && all.iter().any(|name| name == "march"), "{all:?}");
    let (mut paged, mut path) = (Vec::new(), "/source/series?limit=3".to_owned());
    loop {
        let page = reader.get(&path).await.expect(200).json();
        paged.extend(names(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/source/series?limit=3&cursor={next}");
    }
    assert_eq!(paged, all);
}

async fn a_window_has_every_figure(reader: &Client) {
    let window = reader.get(&format!("/source/series/march/window?{DAY}")).await.expect(200).json();
    assert_eq!((&window["tz"], &window["step"]), (&json!("UTC"), &Value::Null));
    assert!(window["as_of"].is_string() && window["late_rows"] == 0, "{window}");
    let bucket = &window["buckets"][0];
    assert_eq!((&bucket["records"], &bucket["gap"]), (&json!(36), &json!(false)));
    let figures = &bucket["readings"]["t"];
    let values: Vec<f64> = (0..46).filter(|n| !(10..20).contains(n)).map(f64::from).collect();
    let mean = values.iter().sum::<f64>() / 36.0;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let near = |name: &str, expected: f64, within: f64| {
        let value = figures[name].as_f64().expect("a number");
        assert!((value - expected).abs() <= within * expected.abs(), "{name}: {value}, expected {expected}");
    };
    near("mean", mean, 1e-12);
    near("stddev_pop", (squares / 36.0).sqrt(), 1e-12);
    near("stddev_sample", (squares / 35.0).sqrt(), 1e-12);
    near("sum", mean * 36.0, 1e-12);
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        near(name, values[(q * 35.0) as usize], 0.01);
    }
    let exact = |name: &str| figures[name].as_f64().expect("a number");
    assert_eq!((exact("min"), exact("max"), exact("first"), exact("last"), exact("n")), (0.0, 45.0, 0.0, 45.0, 36.0));
    let other = reader.get(&format!("/source/series/march/window?{DAY}&readings=u.v&stats=min")).await.expect(200);
    assert_eq!(other.json()["buckets"][0]["readings"], json!({ "u.v": { "min": -45.0 } }));
}

async fn buckets_are_cut_by_length_or_by_the_calendar(reader: &Client) {
    let counts = async |query: &str| -> Vec<u64> {
        let window = reader.get(&format!("/source/series/march/window?{query}")).await.expect(200).json();
        let buckets = window["buckets"].as_array().expect("buckets").clone();
        assert!(buckets.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "{window}");
        assert!(buckets.iter().all(|bucket| bucket["gap"] == json!(bucket["records"] == 0)), "{window}");
        buckets.iter().map(|bucket| bucket["records"].as_u64().expect("a count")).collect()
    };
    assert_eq!(counts(&format!("{DAY}&step=5h")).await, [10, 0, 10, 10, 6]);
    // In Lisbon the day has 23 hours, and ends where the window does.
    assert_eq!(counts(&format!("{DAY}&step=1d&tz=Europe/Lisbon")).await, [36]);
    let days = "from=2026-03-28T12:00:00Z&to=2026-03-30T00:00:00Z&step=1d&tz=Asia/Kolkata";
    assert_eq!(counts(days).await, [0, 27, 9]);
    assert_eq!(counts(&format!("{days}&readings=t").replace("1d", "1w")).await, [27, 9]);
}

async fn what_is_no_window_is_named(reader: &Client) {
    for (query, expected) in [
        ("from=never", "from"),
        ("to=never", "to"),
        ("from=2026-03-29T00:00:00Z&to=2026-03-29T00:00:00Z", "to"),
        ("step=0m", "step"),
        ("step=1y", "step"),
        ("step=1s", "step"),
        ("stats=median", "stats"),
        ("stats=", "stats"),
        ("tz=Mars/Olympus", "tz"),
        ("more=1", "more"),
    ] {
        let answer = reader.get(&format!("/source/series/march/window?{query}")).await.expect(422);
        assert_eq!(field(&answer), expected, "{query}");
    }
    // Two buckets less than the most, of eleven readings: of one they are an answer.
    let many = "from=2026-03-29T00:00:00Z&to=2026-04-04T22:38:00Z&step=1m&stats=n&readings=t";
    let names = (0..10).map(|n| format!(",{n}")).collect::<String>();
    reader.get(&format!("/source/series/march/window?{many}")).await.expect(200);
    let many = reader.get(&format!("/source/series/march/window?{many}{names}")).await.expect(422);
    assert_eq!(field(&many), "step");
    let format = reader.get("/source/series/march/records?format=xml").await.expect(422);
    assert_eq!(field(&format), "format");
    assert_eq!(field(&reader.get("/source/series/march/records?limit=0").await.expect(422)), "limit");
    assert_eq!(field(&reader.get("/source/series/%07").await.expect(422)), "name");
}

async fn records_are_read_in_every_form(reader: &Client) {
    let path = format!("/source/series/march/records?{DAY}");
    let page = reader.get(&format!("{path}&limit=1000")).await.expect(200).json();
    let items = page["items"].as_array().expect("items");
    assert_eq!((items.len(), &items[1]["data"]), (36, &json!({ "t": 1, "u": { "v": -1 } })));
    let lines = reader.get(&format!("{path}&format=ndjson")).await.expect(200);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let parsed: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(&parsed, items);
    let table = reader.get(&format!("{path}&format=csv")).await.expect(200).text();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!((rows.len(), rows[0]), (37, "sk,event_time,name,user_id,data"));
    assert!(rows[2].ends_with(r#""{""t"":1,""u"":{""v"":-1}}""#), "{}", rows[2]);

    let (mut paged, mut next) = (Vec::new(), format!("{path}&format=ndjson&limit=7"));
    loop {
        let page = reader.get(&next).await.expect(200);
        paged.extend(page.text().lines().map(str::to_owned));
        let Some(link) = page.header("link") else { break };
        next = link.trim_start_matches('<').split('>').next().expect("a link").to_owned();
    }
    assert_eq!(paged, lines.text().lines().map(str::to_owned).collect::<Vec<_>>());
}
