//! What must hold of a life, looked at through an engine without faults.

use std::collections::BTreeMap;

use base::JobId;
use jobs::{DeadLetter, Job, JobFilter, JobStatus};

use crate::life::{Asked, Life};
use crate::work::{self, Piece};

/// What a dead letter says whose task killed its worker again and again.
const KILLER: &str = "the worker died";

type Judgement = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(what()) }
}

/// At any moment: no job has done more than there is to do.
pub(crate) async fn counts_add_up(life: &mut Life) -> Judgement {
    for asked in &life.asked {
        let Some(id) = asked.told else { continue };
        let job = life.calm.job_get(&asked.tenant, id).await.unwrap();
        let job = job.ok_or_else(|| format!("job {id} was acknowledged and is not there"))?;
        add_up(&job)?;
    }
    life.happened.note("reads", life.asked.len() as u64);
    Ok(())
}

fn add_up(job: &Job) -> Judgement {
    let counts = &job.counts;
    let least = counts.processed.min(counts.failed).min(counts.batches_completed).min(counts.batches_failed);
    let ended = counts.batches_completed + counts.batches_failed + counts.batches_dropped;
    let right = least >= 0 && counts.processed + counts.failed <= counts.total && ended <= counts.batches;
    ensure(right, || format!("the counts do not add up: {job:?}"))
}

/// Whether the one job of a life has ended; it may not have before each of its pieces has happened.
pub(crate) async fn ended_in_time(life: &mut Life) -> Result<bool, String> {
    counts_add_up(life).await?;
    let asked = &life.asked[0];
    let job = life.calm.job_get(&asked.tenant, asked.told.unwrap()).await.unwrap().unwrap();
    if !job.status.is_final() {
        return Ok(false);
    }
    for piece in &asked.pieces {
        ensure(times(life, asked, piece).await? == 1, || format!("it ended before piece {} did", piece.name))?;
    }
    Ok(true)
}

async fn jobs(life: &Life) -> Vec<Job> {
    let mut jobs = Vec::new();
    for tenant in &life.tenants {
        let page = life.calm.job_list(tenant, &JobFilter::default(), 1_000, None).await.unwrap();
        jobs.extend(page.items);
    }
    jobs
}

/// Whether every job is through.
pub(crate) async fn all_settled(life: &Life) -> bool {
    jobs(life).await.iter().all(|job| job.settled)
}

/// What is still under way.
pub(crate) async fn unrest(life: &Life) -> Vec<String> {
    let mut unrest = Vec::new();
    for job in jobs(life).await.iter().filter(|job| !job.settled) {
        unrest.push(format!("job {} is {:?} {:?}", job.id, job.status, job.counts));
    }
    for depth in life.calm.queue_list().await.unwrap() {
        // Each tenant has a task that prunes and comes back.
        let most = if depth.topic == "tasks-low" { life.tenants.len() as u64 } else { 0 };
        if depth.waiting > most {
            unrest.push(format!("{} tasks wait in {}", depth.waiting, depth.topic));
        }
    }
    unrest
}

/// At the end: everything that was asked for happened, once.
pub(crate) async fn all_is_well(life: &mut Life) -> Judgement {
    let jobs: BTreeMap<JobId, Job> = jobs(life).await.into_iter().map(|job| (job.id, job)).collect();
    let letters = letters(life).await;
    for asked in &life.asked {
        let told = asked.told.map(|id| jobs.get(&id).ok_or_else(|| format!("job {id} was acknowledged and is lost")));
        // One that was not acknowledged may be there all the same: its pieces tell which it is.
        let params = serde_json::to_string(&asked.pieces).unwrap();
        let found =
            told.transpose()?.or_else(|| jobs.values().find(|job| job.params == params && job.tenant == asked.tenant));
        if let Some(job) = found.filter(|_| asked.told.is_some() || !asked.pieces.is_empty()) {
            let of_job: Vec<&DeadLetter> = letters.iter().filter(|letter| letter.job == Some(job.id)).collect();
            let effects = job_is_right(life, asked, job, &of_job).await.map_err(|what| format!("{what}: {job:?}"))?;
            life.happened.note("effects", effects);
        }
        life.happened.note("pieces", asked.pieces.len() as u64);
    }
    life.happened.note("dead letters", letters.len() as u64);
    for tenant in &life.tenants {
        let (input, output) = work::copied(&*life.store, tenant).await;
        ensure(input == output, || format!("{input} were put in, the last copy has {output}"))?;
    }
    Ok(())
}

async fn letters(life: &Life) -> Vec<DeadLetter> {
    let mut letters = Vec::new();
    for tenant in &life.tenants {
        letters.extend(life.calm.dead_list(tenant, None, 1_000, None).await.unwrap().items);
    }
    letters
}

/// Judges one job; returns how many of its effects there are.
async fn job_is_right(life: &Life, asked: &Asked, job: &Job, letters: &[&DeadLetter]) -> Result<u64, String> {
    let counts = &job.counts;
    add_up(job)?;
    let stopped = matches!(job.status, JobStatus::Cancelled | JobStatus::Failed);
    let (mut effects, mut done, mut completed, mut buried) = (0, 0, 0, 0);
    for (n, piece) in asked.pieces.iter().enumerate() {
        let letter = letters.iter().find(|letter| letter.batch == u32::try_from(n).ok());
        let times = times(life, asked, piece).await?;
        ensure(times == 0 || letter.is_none(), || format!("piece {n} happened and is a dead letter"))?;
        ensure(stopped || times == 1 || letter.is_some(), || format!("piece {n} did not happen"))?;
        if let Some(letter) = letter {
            let expected = piece.permanent || piece.fatal || letter.reason.starts_with(KILLER);
            ensure(expected, || format!("piece {n} failed for {:?}", letter.reason))?;
            buried += 1;
        }
        effects += u64::from(times > 0);
        completed += times;
        done += times * piece.records;
    }
    ensure(letters.len() == buried, || "there are dead letters of no piece".to_owned())?;
    ensure(counts.batches_completed == completed, || format!("{completed} pieces happened"))?;
    ensure(done <= counts.processed, || format!("{done} records were processed"))?;
    if !stopped {
        let total: i64 = asked.pieces.iter().map(|piece| piece.records).sum();
        let all = i64::try_from(asked.pieces.len()).unwrap();
        let right = counts.total == total
            && counts.processed + counts.failed == total
            && (counts.batches, counts.batches_failed) == (all, i64::try_from(letters.len()).unwrap());
        ensure(right, || format!("{total} records in {all} pieces, {} dead letters", letters.len()))?;
        let expected = if letters.is_empty() { JobStatus::Completed } else { JobStatus::CompletedWithErrors };
        ensure(job.status == expected, || format!("expected {expected:?}"))?;
    }
    Ok(effects)
}

/// How often a piece happened: once or not at all, and its steps likewise. A piece that begins anew
/// because somebody asked for it begins with its first step.
async fn times(life: &Life, asked: &Asked, piece: &Piece) -> Result<i64, String> {
    let times = work::effect(&*life.store, &asked.tenant, &piece.name).await;
    ensure(times <= 1, || format!("piece {} happened {times} times", piece.name))?;
    for step in 0..piece.steps {
        let name = work::step_name(&piece.name, step);
        let steps = work::effect(&*life.store, &asked.tenant, &name).await;
        let right = steps >= times && steps <= 1 + asked.retried;
        ensure(right, || format!("step {name} happened {steps} times, its piece {times} times"))?;
    }
    Ok(times)
}
