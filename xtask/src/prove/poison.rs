//! Proof: work that kills its process does not do so for ever, and stands in nobody's way.
//!
//! The child is `crates/freight/examples/poison`: an engine on an embedded store, started again each
//! time it dies. Two things are shown. *A poisonous task* kills at most four processes, one in
//! company and three alone; then it is a dead letter, the thirty tasks beside it have each happened
//! once, and mended and redriven it works. *A planner that saves its place* before its process is
//! killed, each time a page further, is no poison however often that happens, and its job completes.
//!
//! The oracle is this process, which counts the deaths. The saboteur is an engine that does not
//! remember them.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Attack, Verdict};
use crate::process;

/// How often a task may kill its process: once in company, three times alone.
const KILLS_MAX: u64 = 4;
/// After so many kills nobody waits for another.
const KILLS_ENOUGH: u64 = 12;
const GOOD: u64 = 30;
/// How often a planner is killed that makes headway.
const PLANNER_KILLS: u64 = 50;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let program = process::example("poison")?;
    let (mut most, mut wrong) = (0, 0);
    for _ in 0..attack.n {
        let found = lives(&program, "task", None, KILLS_ENOUGH)?;
        most = most.max(found.kills);
        let is_right = found.end == Some([GOOD + 1, 0, 0]) && found.kills >= 1 && found.kills <= KILLS_MAX;
        wrong += u64::from(!is_right);
    }
    let pages = if attack.quick { 10 } else { PLANNER_KILLS } + 1;
    let planner = lives(&program, "planner", Some(&pages.to_string()), pages + KILLS_ENOUGH)?;
    let planned = planner.end == Some([pages, 0, 0]) && planner.kills == pages - 1;
    let broken = lives(&program, "task", Some("forgetful"), KILLS_ENOUGH)?;
    let caught = broken.kills > KILLS_MAX;
    let figures = json!({
        "kills_most": most,
        "wrong": wrong,
        "planner": { "kills": planner.kills, "completed": planned },
        "saboteur": { "caught": caught, "kills": broken.kills },
    });
    Ok(Verdict { passed: attack.n > 0 && wrong == 0 && planned && caught, figures })
}

/// What came of a store whose process was started again each time it killed itself.
struct Found {
    kills: u64,
    /// Good effects, those that happened twice, and dead letters left; `None` if it never came to that.
    end: Option<[u64; 3]>,
}

fn lives(program: &Path, scene: &str, more: Option<&str>, kills_max: u64) -> Result<Found> {
    let folder = tempfile::tempdir()?;
    let mut kills = 0;
    for life in 0..=kills_max {
        let mut command = process::command(program, "");
        command.arg(folder.path()).args([scene, if life == 0 { "first" } else { "again" }]).args(more);
        let output = command.stderr(Stdio::null()).output()?;
        let said = String::from_utf8(output.stdout)?;
        match said.lines().last().unwrap_or_default().split(' ').collect::<Vec<_>>().as_slice() {
            ["kill"] => kills += 1,
            ["end", figures @ ..] => {
                let figures: Vec<u64> = figures.iter().map(|figure| Ok(figure.parse()?)).collect::<Result<_>>()?;
                let end = figures.try_into().ok().context("three figures")?;
                return Ok(Found { kills, end: Some(end) });
            }
            _ => ensure!(false, "the child ended with {} and said {said:?}", output.status),
        }
    }
    Ok(Found { kills, end: None })
}
