//! Flags of every list.

use clap::Args;

/// Which page of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// At most this many, 1 to 1000
    #[arg(long, default_value = "100", value_parser = limit)]
    limit: String,
    /// Go on where the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

impl Paging {
    /// These filters and the page as query parameters.
    pub(super) fn query<'a>(&'a self, filters: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, Option<&'a str>)> {
        let page = [("limit", Some(self.limit.as_str())), ("cursor", self.cursor.as_deref())];
        filters.iter().copied().chain(page).collect()
    }
}

fn limit(text: &str) -> Result<String, &'static str> {
    let fits = text.parse().is_ok_and(|limit| (1..=1000).contains::<u16>(&limit));
    if fits { Ok(text.to_owned()) } else { Err("a whole number from 1 to 1000") }
}
