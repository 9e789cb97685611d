//! Proof: what the embedded store acknowledged survives a power cut.
//!
//! Killing a process proves nothing about fsync: what it wrote is in the kernel, and stays. So the
//! child runs with the file shim of testkit, which keeps a *shadow* of its directory: each file as
//! it was when it was last synced. The cut is a SIGKILL at a random moment; then the shadow takes
//! the directory's place. In every other cut the disk is unkinder: of the sectors that differ
//! between the shadow and what the child had written, a random part made it to the disk, in no
//! order. Then another process opens what is left.
//!
//! The oracle is this process. The child says on a pipe which transaction it starts and which was
//! acknowledged; what we read of that, before or after the kill, was said. Each transaction is
//! three items in three partitions and a counter: *lost* is one that was acknowledged and is not
//! whole, *torn* one that is there in part, or a counter that disagrees, or a damaged row.
//!
//! The saboteur is the same child with `synchronous = NORMAL`, which answers before the fsync. It
//! exists only in a build with the feature `sabotage`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::disk::{self, Random};
use super::{Attack, Verdict};
use crate::process;

/// How many cuts one database lives through before a fresh one takes its place.
const CUTS_PER_DATABASE: u64 = 10;
/// How many acknowledgements there are at least, and how many more at most, before a cut.
const COMMITS_LEAST: u64 = 100;
const COMMITS_MORE: u64 = 120;
/// How long after that the cut comes, at most.
const DELAY_US_MAX: u64 = 3_000;
/// How long a child may take to say anything.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How many cuts the saboteur gets to lose something.
const SABOTAGED_CUTS: u64 = 20;
/// At least so many of the cuts have to come while a write is under way.
const IN_FLIGHT_LEAST: f64 = 0.8;

pub(super) fn run(attack: &Attack) -> Result<Verdict> {
    let builds = tempfile::tempdir()?;
    let honest = build(builds.path(), "honest", "")?;
    let broken = build(builds.path(), "broken", "--features embedded/sabotage")?;
    let shim = PathBuf::from(process::output(process::command(&honest, "shim"))?.trim());

    let mut random = Random::new(attack.seed);
    let mut rig = Rig::new(&shim, &honest, &[])?;
    let mut found = Found::default();
    for cut in 0..attack.n {
        if cut % CUTS_PER_DATABASE == 0 {
            rig = Rig::new(&shim, &honest, &[])?;
        }
        found.add(&rig.cut(cut, &mut random).with_context(|| format!("cut {cut}"))?);
    }
    let saboteur = sabotage(&shim, &broken, &mut random)?;

    let in_flight_share = found.in_flight as f64 / attack.n.max(1) as f64;
    let attacked = attack.n > 0 && found.commits >= attack.n * COMMITS_LEAST && in_flight_share >= IN_FLIGHT_LEAST;
    let passed = attacked && found.lost == 0 && found.torn == 0 && saboteur["caught"] == true;
    let figures = json!({
        "cuts": attack.n,
        "commits": found.commits,
        "lost": found.lost,
        "torn": found.torn,
        "in_flight_share": in_flight_share,
        "saboteur": saboteur,
    });
    Ok(Verdict { passed, figures })
}

/// Cuts the sabotaged store's power until it has lost something.
fn sabotage(shim: &Path, broken: &Path, random: &mut Random) -> Result<Value> {
    let mut found = Found::default();
    for cut in 0..SABOTAGED_CUTS {
        let mut rig = Rig::new(shim, broken, &["--late-fsync"])?;
        found.add(&rig.cut(cut, random).with_context(|| format!("sabotaged cut {cut}"))?);
        if found.lost > 0 {
            return Ok(json!({ "caught": true, "cuts": cut + 1, "lost": found.lost }));
        }
    }
    Ok(json!({ "caught": false, "cuts": SABOTAGED_CUTS, "lost": 0 }))
}

/// Builds the drill and keeps a copy: the next build puts another one in its place.
fn build(folder: &Path, name: &str, features: &str) -> Result<PathBuf> {
    let executable = process::built(&format!("--locked --workspace --example drill {features}"))?;
    let copy = folder.join(name);
    std::fs::copy(executable, &copy)?;
    Ok(copy)
}

/// What the cuts have shown so far.
#[derive(Default)]
struct Found {
    commits: u64,
    in_flight: u64,
    lost: u64,
    torn: u64,
}

impl Found {
    fn add(&mut self, other: &Self) {
        self.commits += other.commits;
        self.in_flight += other.in_flight;
        self.lost += other.lost;
        self.torn += other.torn;
    }
}

/// One database through several cuts, with the oracle of what it must still hold.
struct Rig<'a> {
    shim: &'a Path,
    drill: &'a Path,
    flags: &'a [&'a str],
    folder: tempfile::TempDir,
    acknowledged: BTreeSet<u64>,
    /// The number that no transaction has had yet.
    next: u64,
}

impl<'a> Rig<'a> {
    fn new(shim: &'a Path, drill: &'a Path, flags: &'a [&'a str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("data"))?;
        Ok(Self { shim, drill, flags, folder, acknowledged: BTreeSet::new(), next: 0 })
    }

    /// Writes, cuts the power, and looks at what is left.
    fn cut(&mut self, cut: u64, random: &mut Random) -> Result<Found> {
        let root = self.folder.path().canonicalize()?;
        let (data, shadow) = (root.join("data"), root.join("shadow"));
        disk::copy(&data, &shadow)?;
        let mut found = self.write_until_cut(&data, &shadow, random)?;
        if cut % 2 == 1 {
            disk::mix(&data, &shadow, random)?;
        }
        std::fs::remove_dir_all(&data)?;
        std::fs::rename(&shadow, &data)?;
        self.judge(&data, &mut found)?;
        Ok(found)
    }

    fn write_until_cut(&mut self, data: &Path, shadow: &Path, random: &mut Random) -> Result<Found> {
        let mut command = Command::new(self.drill);
        command.arg("commit").arg(data).arg(self.next.to_string()).args(self.flags);
        command.env("LD_PRELOAD", self.shim).env("FILE_SHIM_DATA", data).env("FILE_SHIM_SHADOW", shadow);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let said = listen(&mut child)?;

        let wanted = COMMITS_LEAST + random.below(COMMITS_MORE);
        let mut heard = Heard::default();
        while heard.acknowledged.len() < usize::try_from(wanted)? {
            heard.note(&said.recv_timeout(SILENCE_MAX).context("the child fell silent")?)?;
        }
        disk::pause(Duration::from_micros(random.below(DELAY_US_MAX)));
        child.kill()?;
        child.wait()?;
        // What was in the pipe was said before the cut.
        for line in said {
            heard.note(&line)?;
        }
        let in_flight = heard.started.difference(&heard.acknowledged).count();
        self.next = heard.started.last().map_or(self.next, |last| last + 1);
        let commits = heard.acknowledged.len() as u64;
        self.acknowledged.append(&mut heard.acknowledged);
        Ok(Found { commits, in_flight: u64::from(in_flight > 0), ..Found::default() })
    }

    /// Compares what another process finds with what was acknowledged.
    fn judge(&self, data: &Path, found: &mut Found) -> Result<()> {
        let mut verify = Command::new(self.drill);
        verify.arg("verify").arg(data);
        let said = verify.stdin(Stdio::null()).output()?;
        // A store that does not open again has lost everything, and says why.
        if !said.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&said.stderr));
            found.lost += self.acknowledged.len() as u64;
            return Ok(());
        }
        let said = String::from_utf8(said.stdout)?;
        let (mut whole, mut ends) = (BTreeSet::new(), None);
        for line in said.lines() {
            match words(line)?.as_slice() {
                ["t", number, "3"] => drop(whole.insert(number.parse::<u64>()?)),
                ["t", ..] => found.torn += 1,
                [_, damaged, counter] => ends = Some((damaged.parse::<u64>()?, counter.parse::<usize>()?)),
                _ => bail!("the child said {line:?}"),
            }
        }
        let (damaged, counter) = ends.context("the child did not finish")?;
        found.torn += damaged + u64::from(counter != whole.len());
        found.lost += self.acknowledged.difference(&whole).count() as u64;
        Ok(())
    }
}

/// What the child said it did.
#[derive(Default)]
struct Heard {
    started: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
}

impl Heard {
    fn note(&mut self, line: &str) -> Result<()> {
        match words(line)?.as_slice() {
            ["s", number] => drop(self.started.insert(number.parse()?)),
            ["a", number] => drop(self.acknowledged.insert(number.parse()?)),
            _ => bail!("the child said {line:?}"),
        }
        Ok(())
    }
}

fn words(line: &str) -> Result<Vec<&str>> {
    ensure!(!line.is_empty(), "the child said nothing");
    Ok(line.split_whitespace().collect())
}

/// The child's lines, read as they come. A last one without its end was not said.
fn listen(child: &mut Child) -> Result<mpsc::Receiver<String>> {
    let mut pipe = BufReader::new(child.stdout.take().context("no pipe")?);
    let (lines, said) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while pipe.read_line(&mut line).is_ok_and(|length| length > 0) && line.ends_with('\n') {
            if lines.send(line.trim_end().to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    Ok(said)
}
