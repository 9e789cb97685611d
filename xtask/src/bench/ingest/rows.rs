//! What is in the files that are imported: made up, but of the form of real data.

use anyhow::{Context, Result};
use serde_json::value::RawValue;

use crate::stand_in::StandIn;

/// What names a flight.
pub(super) const FLIGHT_KEY: [&str; 3] = ["time_hour", "carrier", "flight"];

const FLIGHT_HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,\
                             carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour\n";
const CARRIERS: [&str; 8] = ["9E", "AA", "B6", "DL", "EV", "MQ", "UA", "US"];
const FLIGHTS_AN_HOUR: u64 = 40;

/// CSV of so many flights, in the order of their time; every fiftieth did not depart.
pub(super) fn flights(rows: u64) -> Vec<u8> {
    let rows = (0..rows).map(flight);
    std::iter::once(FLIGHT_HEADER.to_owned()).chain(rows).collect::<String>().into_bytes()
}

fn flight(n: u64) -> String {
    let hours = n / FLIGHTS_AN_HOUR;
    let (year, month, day, hour) = (2013 + hours / 8_064, 1 + hours / 672 % 12, 1 + hours / 24 % 28, hours % 24);
    let (flight, minute) = (n * 7_919 % 9_000 + 1, n * 31 % 60);
    let carrier = CARRIERS[usize::try_from(n % 8).unwrap_or(0)];
    let [departed, delay, arrived, late, aloft] = if n % 50 == 49 {
        std::array::from_fn(|_| "NA".to_owned())
    } else {
        [hour * 100 + minute, n * 17 % 90, (hour + 2) % 24 * 100 + minute, n * 13 % 80, 60 + n * 11 % 300]
            .map(|number| number.to_string())
    };
    format!(
        "{year},{month},{day},{departed},{hour}{minute:02},{delay},{arrived},{}{minute:02},{late},{carrier},{flight},\
         N{},JFK,LAX,{aloft},{},{hour},{minute},{year}-{month:02}-{day:02}T{hour:02}:00:00Z\n",
        (hour + 2) % 24,
        10_000 + n * 37 % 90_000,
        200 + n * 41 % 2_500,
    )
}

/// Users as the stand-in makes them, with as many different ids as are needed.
pub(super) struct Users {
    /// All of a user behind its id, which comes first.
    behind_id: Vec<String>,
}

impl Users {
    /// A page of users to take after.
    ///
    /// # Errors
    /// When the stand-in sends none, or of another form.
    pub(super) fn from(stand_in: &StandIn) -> Result<Self> {
        let page = stand_in.client().get("/api/v2/users?size=100")?.expect(200)?;
        let users: Vec<&RawValue> = serde_json::from_slice(&page)?;
        let behind_id = |user: &&RawValue| {
            let (id, behind) = user.get().split_once(',')?;
            id.starts_with("{\"id\":").then(|| behind.to_owned())
        };
        let behind_id = users.iter().map(behind_id).collect::<Option<_>>().context("a user begins with its id")?;
        Ok(Self { behind_id })
    }

    /// NDJSON of the users with these ids.
    pub(super) fn ndjson(&self, ids: std::ops::Range<u64>) -> Vec<u8> {
        let user = |(id, behind)| format!("{{\"id\":{id},{behind}\n");
        ids.zip(self.behind_id.iter().cycle()).map(user).collect::<String>().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn flights_have_keys_of_their_own_and_as_many_cells_as_the_header() {
        let text = String::from_utf8(flights(30_000)).unwrap();
        let mut keys = BTreeSet::new();
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), FLIGHT_HEADER.split(',').count(), "{line}");
            assert!(keys.insert((cells[18].to_owned(), cells[9].to_owned(), cells[10].to_owned())), "{line}");
        }
        assert_eq!(keys.len(), 30_000);
    }
}
