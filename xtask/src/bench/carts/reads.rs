//! Pages of a large cart; and many jobs at once into one, counted.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{cart, ended, query};
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::http::Client;

/// How many jobs run at once, and how many items each has.
const JOBS: u64 = 8;
const EACH: u64 = 100_000;

pub(super) fn measure(client: &mut Client, count: u64) -> Result<Report> {
    let mut report = Report::default();
    report.figures.push(pages(client, count)?);
    report.figures.push(at_once(client, count)?);
    Ok(report)
}

/// All pages of the cart that was filled last.
fn pages(client: &mut Client, count: u64) -> Result<Figure> {
    let carts: Value = client.get("/resources/carts/?limit=1")?.json(200)?;
    let cart = carts[0]["links"]["self"].as_str().context("no cart")?.to_owned();
    let (mut took, mut path, mut items) = (Vec::new(), cart.clone(), 0);
    loop {
        let begun = Instant::now();
        let answer = client.get(&path)?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        let page: Value = answer.json(200)?;
        items += page["items"].as_array().context("no items")?.len() as u64;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{cart}?cursor={next}");
    }
    anyhow::ensure!(items == count, "{items} items on all pages");
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    Ok(Figure {
        name: "page_p99",
        what: format!("a page of 1,000 items of a cart of {count}, p99"),
        value: at(0.99),
        unit: "ms",
        bound: Bound::AtMost(5.0),
        from: format!("{} pages, median {:.2} ms", took.len(), at(0.5)),
    })
}

/// Jobs that find overlapping records, and how far the counts are from what there is.
fn at_once(client: &mut Client, count: u64) -> Result<Figure> {
    let each = EACH.min(count / 2);
    let step = each / JOBS;
    let cart = cart(client, "at once")?;
    let begun = Instant::now();
    let mut jobs = Vec::new();
    for job in 0..JOBS {
        let range = [job * step, job * step + each - 1];
        jobs.push(query(client, &cart, &json!({ "n": { "within": [range] } }))?);
    }
    let (mut added, mut put) = (0, 0);
    for job in jobs {
        let job = ended(client, &job)?;
        let figure = |name: &str| job[name].as_u64().with_context(|| job.to_string());
        added += figure("items_added")?;
        put += figure("items_added")? + figure("items_present")?;
    }
    let took = begun.elapsed().as_secs_f64();
    let summary: Value = client.get(&format!("{cart}/summary"))?.json(200)?;
    let counted = summary["items_count"].as_u64().context("no count")?;
    let manifest = client.get(&format!("{cart}/manifest"))?.expect(200)?;
    let there = manifest.iter().filter(|byte| **byte == b'\n').count() as u64;
    let expected = each + (JOBS - 1) * step;
    let off = [added, counted, there].map(|n| n.abs_diff(expected)).iter().sum::<u64>() + put.abs_diff(JOBS * each);
    Ok(Figure {
        name: "at_once_off",
        what: format!("{JOBS} jobs of {each} items at once into one cart: lost or twice"),
        value: off as f64,
        unit: "items",
        bound: Bound::AtMost(0.0),
        from: format!("{expected} different ones; {:.0} items/s", (JOBS * each) as f64 / took),
    })
}
