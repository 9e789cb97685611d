//! Where a token is on its chain.

use std::fmt;
use std::str::FromStr;

use base::Error;
use sha3::{Digest as _, Keccak256};

/// An address: `0x` and 40 hex digits, in lower case. One in mixed case has to have the capitals that
/// EIP-55 gives it, so that a mistyped digit is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |message: &str| Error::invalid("token_address", message);
        let is_hex = |digits: &&str| digits.len() == 40 && digits.bytes().all(|c| c.is_ascii_hexdigit());
        let digits = text.strip_prefix("0x").filter(is_hex);
        let digits = digits.ok_or_else(|| invalid("Must be 0x and 40 hexadecimal digits"))?;
        let has = |is: fn(&u8) -> bool| digits.as_bytes().iter().any(is);
        let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        let lower = digits.to_ascii_lowercase();
        if mixed && with_capitals(&lower) != digits {
            return Err(invalid("Its capitals are not those of EIP-55: a digit is wrong, or write it in lower case"));
        }
        Ok(Self(format!("0x{lower}")))
    }
}

/// The digits with the capitals of EIP-55: a letter is one where the digit at its place in the Keccak-256 of
/// the lower-case digits is at least 8.
fn with_capitals(lower: &str) -> String {
    let hash = Keccak256::digest(lower.as_bytes());
    let capital = |at: usize| (hash[at / 2] >> (4 * (1 - at % 2))) & 8 != 0;
    lower.chars().enumerate().map(|(at, c)| if capital(at) { c.to_ascii_uppercase() } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From EIP-55.
    const MIXED: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn the_capitals_are_those_of_the_proposal() {
        for text in [
            MIXED,
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(with_capitals(&text[2..].to_lowercase()), text[2..]);
        }
    }

    #[test]
    fn an_address_is_read_in_any_honest_case() {
        let lower = MIXED.to_lowercase();
        let upper = format!("0x{}", MIXED[2..].to_uppercase());
        for text in [MIXED, &lower, &upper, "0x0000000000000000000000000000000000000000"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text.to_lowercase());
        }
        let one_off = MIXED.replace("5aA", "5AA");
        let unicode = format!("0x{}ä", &MIXED[2..40]);
        for text in
            [&one_off, &unicode, &MIXED[2..], &MIXED[..41], "", "0x", "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"]
        {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.details()[0].field, "token_address", "{text}");
        }
    }
}
