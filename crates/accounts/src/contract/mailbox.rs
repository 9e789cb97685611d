//! Where the letters of a server go that is tested.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::Result;

use crate::identity::local::{Letter, Post};

/// Keeps every letter. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<Mutex<Vec<Letter>>>);

/// A letter is written beside its request; it comes within so long.
const COMES_WITHIN: Duration = Duration::from_secs(20);
/// How often somebody looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[async_trait]
impl Post for Mailbox {
    fn medium(&self) -> &'static str {
        "email"
    }

    async fn deliver(&self, letter: &Letter) -> Result<()> {
        self.0.lock().expect("no test panics here").push(letter.clone());
        Ok(())
    }
}

impl Mailbox {
    /// How many letters somebody got.
    pub fn count(&self, to: &str) -> usize {
        self.0.lock().expect("no test panics here").iter().filter(|letter| letter.to.as_str() == to).count()
    }

    /// What the `n`-th letter to somebody says, counted from 1.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn letter(&self, to: &str, n: usize) -> String {
        let come = async {
            loop {
                if let Some(text) = self.nth(to, n) {
                    return text;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(COMES_WITHIN, come).await.expect("a letter comes")
    }

    fn nth(&self, to: &str, n: usize) -> Option<String> {
        let letters = self.0.lock().expect("no test panics here");
        let letter = letters.iter().filter(|letter| letter.to.as_str() == to).nth(n - 1);
        letter.map(|letter| letter.text.expose().clone())
    }

    /// The code in the `n`-th letter to somebody.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn code(&self, to: &str, n: usize) -> String {
        self.letter(to, n).await.chars().take(6).collect()
    }
}
