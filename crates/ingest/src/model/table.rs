//! A table of DynamoDB, as the URL of a source names it.

use std::fmt;
use std::str::FromStr;

use base::Error;

/// `dynamodb://REGION/NAME`; without a region, `dynamodb:///NAME`, it is where the server's
/// environment says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    region: Option<String>,
    name: String,
}

/// What a URL of a table begins with.
const SCHEME: &str = "dynamodb:";

impl TableName {
    /// Whether a URL means a table, well spelt or not.
    pub fn is_meant_by(url: &str) -> bool {
        url.starts_with(SCHEME)
    }

    /// Its region, if it says so.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// What DynamoDB calls it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for TableName {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let place = url.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix("//"));
        let (region, name) = place.and_then(|place| place.split_once('/')).unwrap_or_default();
        let of = |text: &str, more: &[u8]| text.bytes().all(|c| c.is_ascii_alphanumeric() || more.contains(&c));
        if (3..=255).contains(&name.len()) && of(name, b"_.-") && region.len() <= 32 && of(region, b"-") {
            let region = Some(region).filter(|region| !region.is_empty());
            return Ok(Self { region: region.map(str::to_owned), name: name.to_owned() });
        }
        let why = "A table is dynamodb://REGION/NAME, or dynamodb:///NAME in the server's own region; \
                   a name is 3 to 255 characters A-Z, a-z, 0-9, _, . and -";
        Err(Error::invalid("source.url", why))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}//{}/{}", self.region.as_deref().unwrap_or_default(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_region_and_a_name() {
        let table: TableName = "dynamodb://eu-west-2/My_table.v-2".parse().unwrap();
        assert_eq!((table.region(), table.name()), (Some("eu-west-2"), "My_table.v-2"));
        let here: TableName = "dynamodb:///abc".parse().unwrap();
        assert_eq!((here.region(), here.name(), here.to_string().as_str()), (None, "abc", "dynamodb:///abc"));
        for wrong in [
            "dynamodb:abc",
            "dynamodb://eu-west-2",
            "dynamodb://eu-west-2/ab",
            "dynamodb://eu-west-2/abc/d",
            "dynamodb://user@eu-west-2/abc",
            "dynamodb://eu-west-2/abc?x=1",
        ] {
            assert!(wrong.parse::<TableName>().is_err() && TableName::is_meant_by(wrong), "{wrong}");
        }
    }
}
