//! Proof: measurements survive kill -9 and power cuts, and windows equal a recomputation.
//!
//! Writers post records with times of the last days, alone and in batches, and remember what was
//! answered 200. The server is killed under them, half of the times so that what it had not synced
//! is gone, too: it runs with the file shim of testkit, whose shadow then takes the directory's
//! place, in every other cut with a random part of what was written besides. After a minute the
//! marks have settled, and the rest of the kills meets the roller at its work. A little more is
//! written, so that some minutes are dirty, and then:
//!
//! - Every record that was acknowledged is there, as it was sent, and none is there twice.
//! - Every window, of random edges, steps and zones, has the figures that we compute of the records
//!   as they are listed: while minutes are dirty, and when none is.
//! - The numbers of records that the series say are those that are listed.
//!
//! The saboteur takes the marks away before it has computed the partials. It exists only in a build
//! with the feature `sabotage`, and only a full proof waits for that build.

mod judge;
mod rig;
mod writer;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::disk::Random;
use super::{Attack, Verdict};
use crate::{process, server};

use judge::Findings;
use rig::{Kills, Rig};

/// At least so many of the kills that meet writers have to come while a write is under way.
const IN_FLIGHT_LEAST: f64 = 0.8;
/// How many kills the saboteur gets.
const SABOTAGED_KILLS: u64 = 30;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let mut random = Random::new(attack.seed);
    let shim = shim()?;
    let (kills, found) = one(&server::release()?, &shim, attack.n, &mut random)?;
    let saboteur = if attack.quick { Value::Null } else { sabotage(&shim, &mut random)? };

    let in_flight_share = kills.in_flight as f64 / kills.writing.max(1) as f64;
    let made = kills.writing + kills.rolling;
    let attacked = made == attack.n
        && kills.rolling > 0
        && kills.cuts > 0
        && in_flight_share >= IN_FLIGHT_LEAST
        && found.acked > 0
        && found.figures > 0
        && found.dirty > 0;
    let caught = attack.quick || saboteur["caught"] == true;
    let figures = json!({
        "kills": made,
        "while_writing": kills.writing,
        "while_rolling": kills.rolling,
        "power_cuts": kills.cuts,
        "in_flight_share": in_flight_share,
        "acked": found.acked,
        "stored": found.stored,
        "lost": found.lost,
        "doubled": found.doubled,
        "windows": found.windows,
        "figures": found.figures,
        "dirty_minutes_read": found.dirty,
        "wrong": found.wrong,
        "saboteur": saboteur,
    });
    Ok(Verdict { passed: attacked && found.held() && caught, figures })
}

fn one(program: &Path, shim: &Path, n: u64, random: &mut Random) -> Result<(Kills, Findings)> {
    let mut rig = Rig::start(program, shim, random)?;
    let mut kills = Kills::default();
    rig.write(n.div_ceil(2), &mut kills, random).context("while writing")?;
    rig.roll(n - kills.writing, &mut kills, random).context("while rolling")?;
    Ok((kills, rig.judge(random)?))
}

/// Kills the sabotaged server until a window is wrong.
fn sabotage(shim: &Path, random: &mut Random) -> Result<Value> {
    let broken = process::built("--release --locked -p freight --features sabotage --example sabotaged")?;
    let (kills, found) = one(&broken, shim, SABOTAGED_KILLS, random)?;
    let caught = !found.wrong.is_empty();
    Ok(json!({ "caught": caught, "kills": kills.writing + kills.rolling, "wrong": found.wrong.len() }))
}

/// The library that keeps the shadow.
fn shim() -> Result<PathBuf> {
    let drill = process::example("drill")?;
    Ok(PathBuf::from(process::output(process::command(drill, "shim"))?.trim()))
}
