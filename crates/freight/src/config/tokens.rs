//! The section `[tokens]`: whom it asks.

use url::Url;

use super::read::Reader;

/// Whom tokens asks.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// About markets, if anybody.
    pub market_url: Option<Url>,
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Tokens {
    Tokens { market_url: reader.parsed("tokens.market_url", None, market) }
}

fn market(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = text.parse().ok().filter(|url: &Url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.fragment().is_none()
    });
    url.map(Some).ok_or_else(|| "an address such as https://api.geckoterminal.com/api/v2, or nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_is_an_address() {
        assert_eq!(market("").unwrap(), None);
        assert!(market("http://127.0.0.1:8001/api/v2").unwrap().is_some());
        for wrong in
            ["api.example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com/?key=1", "x"]
        {
            assert!(market(wrong).is_err(), "{wrong}");
        }
    }
}
