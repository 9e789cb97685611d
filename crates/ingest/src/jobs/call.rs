//! One batch of a run: call, stage, apply; and again, where an answer leads to the next.
//!
//! What has been done is in the batch's progress, saved under its lease. There are two states of
//! a page: *to be called*, and *staged* with its records in chunks. A worker that dies in the first
//! makes the next one call again (nothing of the answer was used); in the second, the next one
//! applies what is staged. Applying writes records under the fence and counts them only when the
//! page is done, so a page applied twice counts once.

use base::store::StoreError;
use jobs::{Class, Done, Failure, Run, Stream, Tally};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use url::Url;

use super::fetch::CallPayload;
use super::trouble::Failed;
use super::{Kit, scan};
use crate::model::answer::Reader;
use crate::model::find::Tree;
use crate::model::scalar::Scalar;
use crate::model::source::{Auth, Paging, Source};
use crate::model::{Dataset, Layout, Shape, TableName};
use crate::outbound::call::Request;
use crate::outbound::guard::Target;
use crate::outbound::tables::{Part, TableTrouble};
use crate::outbound::{Answer, Trouble};
use crate::store::Shelf;
use crate::store::intake::Intake;
use crate::store::stage::{Step, chunks};
use crate::store::upsert::Refused;

/// The counter of records that were saved.
pub const RECORDS: &str = "records";
/// The counter of calls that were answered with records.
pub const CALLS: &str = "calls";
/// The counter of records that could not be kept.
pub const MALFORMED: &str = "malformed";

/// At most so many malformed records of one page are logged.
const MALFORMED_LOGGED: usize = 20;
/// Rows of one page are numbered from the page on: no page has more records.
const ROWS_OF_PAGE: u64 = 10_000_000;

/// How far a batch is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Which page is next.
    page: u32,
    /// How many chunks of it are staged; `None` = it is to be called.
    staged: Option<usize>,
    /// What the answer before it said about where it is.
    at: Option<String>,
    /// What the staged answer says about where the next one is; `None` = it is the last.
    next: Option<String>,
    /// How many records the pages before it had.
    skipped: u64,
    /// What has been done before it.
    records: i64,
    malformed: i64,
}

/// Works on one batch.
///
/// # Errors
/// A [`Failure`] whose context is what the dead letter keeps.
pub async fn run(kit: &Kit, run: &Run) -> Result<Done, Failure> {
    let payload: CallPayload = run.payload()?;
    let gone = || Failure::fatal(format!("Dataset {} is not there any more", payload.dataset));
    let found = kit.catalog.find(run.tenant(), &payload.dataset).await?;
    let dataset = found.map(|stamped| stamped.dataset).filter(|it| it.id == payload.id).ok_or_else(gone)?;
    let source = dataset.definition.source.clone().ok_or_else(gone)?;
    let (Some(job), Some(batch)) = (run.job(), run.batch()) else {
        return Err(Failure::permanent("a call belongs to a run"));
    };
    let call = Call {
        kit,
        run,
        layout: dataset.layout(),
        shelf: kit.catalog.shelf(run.tenant(), dataset.id),
        step: Step { job, batch, page: 0 },
        dataset,
        source,
        payload,
    };
    call.follow().await
}

/// One batch, with all it needs.
struct Call<'a> {
    kit: &'a Kit,
    run: &'a Run,
    payload: CallPayload,
    dataset: Dataset,
    source: Source,
    layout: Layout,
    shelf: Shelf,
    step: Step,
}

impl Call<'_> {
    async fn follow(mut self) -> Result<Done, Failure> {
        let mut progress: Progress =
            self.run.progress().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        loop {
            self.step.page = progress.page;
            let staged = match progress.staged {
                Some(chunks) => chunks,
                None => self.receive(&mut progress).await?,
            };
            let saved = self.apply(staged, progress.page).await?;
            progress.records += saved;
            let tally = tally(&progress);
            let done = self.shelf.unstage(self.step, staged);
            let Some(next) = progress.next.take().filter(|_| progress.page + 1 < self.payload.calls) else {
                let mut writes = done;
                writes.push(self.shelf.mended(self.step.job, self.step.batch));
                return Ok(Done { writes, tally });
            };
            progress = Progress { page: progress.page + 1, staged: None, at: Some(next), ..progress };
            self.run.commit(done, tally).await?;
            self.save(&progress, Vec::new()).await?;
        }
    }

    async fn save(&self, progress: &Progress, writes: Vec<base::store::Write>) -> Result<(), Failure> {
        let text = serde_json::to_string(progress).map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(self.run.save_progress(text, writes).await?)
    }

    /// Calls for a page and stages the answer.
    async fn receive(&self, progress: &mut Progress) -> Result<usize, Failure> {
        let page = match self.source.table() {
            Some(table) => self.scan(&table, progress).await,
            None => self.ask(progress).await,
        };
        let page = match page {
            Ok(page) => page,
            Err(Stop::Failed(failed, request)) => return Err(self.fail(failed, progress, &request).await?),
            Err(Stop::Abandoned) => {
                return Err(Failure::new(Class::Abandoned, "the run was told to stop"));
            }
        };
        self.log_malformed(&page.malformed, progress.page).await?;
        progress.malformed += i64::try_from(page.malformed.len()).unwrap_or(0);
        progress.skipped += page.records;
        progress.next = page.next;
        progress.staged = Some(page.chunks.len());
        let staged = page.chunks.len();
        let last = self.shelf.stage(self.step, page.chunks, &self.run.fence()).await.map_err(refused)?;
        // The saboteur forgets that it has an answer: whoever repeats the batch calls again.
        #[cfg(feature = "sabotage")]
        let progress = &Progress { staged: None, ..progress.clone() };
        self.save(progress, last).await?;
        Ok(staged)
    }

    /// Notes a failed call under the run, and says what the engine is to do, which logs it.
    async fn fail(&self, failed: Failed, progress: &Progress, request: &str) -> Result<Failure, Failure> {
        let failed = failed.masked(self.secret().map(|(_, secret)| secret));
        let host = self.source.url.split(['?', '#']).next().unwrap_or_default();
        let error = failed.error(host);
        let until = base::clock::add(self.run.now()?, NOTE_KEPT);
        let note = self.shelf.failed(self.step.job, self.step.batch, &error, until)?;
        let mut before = tally(progress);
        before.processed = 0;
        before.extra.insert(CALLS.to_owned(), i64::from(progress.page));
        self.run.commit(vec![note], before).await?;
        Ok(failed.failure(host, request))
    }

    fn target(&self, progress: &Progress) -> Result<Target, Trouble> {
        let mut target = self.kit.settings.guard.target(&self.source.url).map_err(Trouble::Refused)?;
        for (name, value) in &self.source.params {
            target.url.query_pairs_mut().append_pair(name, value);
        }
        let page = u64::from(progress.page);
        let own = match &self.source.page {
            Paging::None { size_param } => size_param.as_ref().map(|param| (param, self.payload.size.to_string())),
            Paging::Page { param, start } => Some((param, (start + page).to_string())),
            Paging::Offset { param } => Some((param, progress.skipped.to_string())),
            Paging::Cursor { param, .. } => progress.at.clone().map(|cursor| (param, cursor)),
            Paging::Link => {
                if let Some(url) = &progress.at {
                    target = self.kit.settings.guard.target(url).map_err(Trouble::Refused)?;
                }
                None
            }
        };
        if let Some((param, value)) = own {
            target.url.query_pairs_mut().append_pair(param, &value);
        }
        Ok(target)
    }

    fn secret(&self) -> Option<(&Auth, &base::Secret<String>)> {
        let auth = self.source.auth.as_ref()?;
        let url = Url::parse(&self.source.url).ok()?;
        self.kit.credential(self.run.tenant(), auth.secret(), url.host_str()).map(|secret| (auth, secret))
    }

    /// A page of an API.
    async fn ask(&self, progress: &Progress) -> Result<Received, Stop> {
        let refused = |trouble: Trouble| Stop::Failed(Failed::trouble(&trouble), String::new());
        let target = self.target(progress).map_err(refused)?;
        let stop = |failed: Failed| Stop::Failed(failed, target.url.to_string());
        let answer = self.call(&target).await?.map_err(|trouble| stop(Failed::trouble(&trouble)))?;
        self.read(&answer, progress).map_err(stop)
    }

    /// A page of a table, if the operator lets the tenant read it.
    async fn scan(&self, table: &TableName, progress: &Progress) -> Result<Received, Stop> {
        let stop = |trouble: TableTrouble| Stop::Failed(scan::failed(table, trouble), table.to_string());
        if !self.kit.settings.may_read(self.run.tenant(), table) {
            return Err(stop(TableTrouble::Refused("it is not in ingest.tables".to_owned())));
        }
        let part = self.payload.part.unwrap_or(Part { n: 0, of: 1 });
        let read = self.kit.tables.page(table, part, progress.at.as_deref());
        let page = self.paced(read).await?.map_err(stop)?;
        Ok(self.received(page.items.iter().map(String::as_str), page.next))
    }

    /// Waits for the source's turn and for the work, unless the run is told to stop.
    async fn paced<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let name = base::key![*self.run.tenant(), self.dataset.id];
        let worked = async {
            let _slot = self.kit.paces.slot(&name, self.source.concurrency, self.source.rate).await;
            work.await
        };
        tokio::select! {
            done = worked => Ok(done),
            () = self.run.cancelled().cancelled() => Err(Stop::Abandoned),
        }
    }

    async fn call(&self, target: &Target) -> Result<Result<Answer, Trouble>, Stop> {
        let request = Request {
            target,
            method: self.source.method,
            headers: self.source.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            auth: self.secret(),
        };
        self.paced(self.kit.caller.call(request)).await
    }

    /// Decides by the shape of the answer, and which of its records can be kept.
    fn read(&self, answer: &Answer, progress: &Progress) -> Result<Received, Failed> {
        if answer.status != 200 {
            return Err(Failed::status(answer));
        }
        let dataset = &self.payload.dataset;
        let malformed = |why: &str| Failed::malformed(answer, dataset, why);
        let text = str::from_utf8(&answer.body).map_err(|_| malformed("not UTF-8"))?;
        let reader = Reader::new(&self.source.records, &self.dataset.definition.key);
        let records = match reader.shape(text) {
            Shape::Records(records) => records,
            Shape::Message => return Err(Failed::message(answer, dataset)),
            Shape::Malformed(why) => return Err(malformed(&why)),
        };
        let next = self.next(answer, text, records.len(), progress).map_err(malformed)?;
        Ok(self.received(records.into_iter().map(RawValue::get), next))
    }

    /// Tells the records that can be kept from those that cannot.
    fn received<'a>(&self, records: impl ExactSizeIterator<Item = &'a str>, next: Option<String>) -> Received {
        let mut page = Received { records: records.len() as u64, next, ..Received::default() };
        let mut good: Vec<&str> = Vec::with_capacity(records.len());
        for (n, record) in records.enumerate() {
            match self.layout.stranger(record, row(self.step, n)) {
                Ok(_) => good.push(record),
                Err(why) => page.malformed.push((n, why.to_string())),
            }
        }
        page.chunks = chunks(good);
        page
    }

    /// Where the next page is, if there is one.
    fn next(
        &self,
        answer: &Answer,
        text: &str,
        records: usize,
        progress: &Progress,
    ) -> Result<Option<String>, &'static str> {
        let next = match &self.source.page {
            Paging::None { .. } => None,
            Paging::Page { .. } | Paging::Offset { .. } => (records > 0).then(String::new),
            Paging::Cursor { next, .. } => {
                let found = Tree::new([next]).find(text).map_err(|_| "not JSON")?;
                let cursor =
                    found.first().and_then(|(_, raw)| Scalar::parse(raw)).map(|cursor| cursor.name().into_owned());
                cursor.filter(|cursor| !cursor.is_empty())
            }
            Paging::Link => match &answer.next {
                Some(url) if Url::parse(&self.source.url).is_ok_and(|own| own.origin() == url.origin()) => {
                    Some(url.to_string())
                }
                Some(_) => return Err("the next page is at another host"),
                None => None,
            },
        };
        let repeats =
            matches!(self.source.page, Paging::Cursor { .. } | Paging::Link) && next.is_some() && next == progress.at;
        if repeats { Err("the next page is the one that was called") } else { Ok(next) }
    }

    async fn log_malformed(&self, malformed: &[(usize, String)], page: u32) -> Result<(), Failure> {
        for (n, why) in malformed.iter().take(MALFORMED_LOGGED) {
            let record = format!("{}.{page}.{n}", self.step.batch);
            let data = json!({ "call": self.step.batch, "page": page, "record": n });
            self.run.log(Stream::Error, "record_malformed", Some(&record), why.as_str(), data).await?;
        }
        Ok(())
    }

    /// Writes what is staged; returns how many records that were.
    async fn apply(&self, staged: usize, page: u32) -> Result<i64, Failure> {
        let mut intake = Intake::new(self.shelf.clone(), Some(self.run.fence()));
        let mut n = 0;
        for chunk in 0..staged {
            let lost = || Failure::permanent("the staged answer is not there any more");
            let item = self.shelf.staged(self.step, chunk).await?.ok_or_else(lost)?;
            let records: Vec<&RawValue> = serde_json::from_str(item.data()).map_err(|_| lost())?;
            for record in records {
                let read = self.layout.record(record.get(), row(Step { page, ..self.step }, n));
                let record = read.map_err(|why| Failure::permanent(why.to_string()))?;
                intake.add(record).await.map_err(|refused| self.unwritten(refused))?;
                n += 1;
            }
        }
        let saved = intake.finish().await.map_err(|refused| self.unwritten(refused))?;
        Ok(i64::try_from(saved).unwrap_or(i64::MAX))
    }

    fn unwritten(&self, refused: Refused) -> Failure {
        match refused {
            Refused::Gone => Failure::fatal(format!("Dataset {} is not there any more", self.payload.dataset)),
            Refused::Fenced => Failure::new(Class::Abandoned, "the lease was lost"),
            Refused::Store(error) => error.into(),
        }
    }
}

/// How long the note of a failed call is kept: as long as a dead letter usually is.
const NOTE_KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// Why there is no page.
enum Stop {
    /// With what was asked for.
    Failed(Failed, String),
    Abandoned,
}

/// An answer that was read.
#[derive(Default)]
struct Received {
    chunks: Vec<String>,
    malformed: Vec<(usize, String)>,
    records: u64,
    next: Option<String>,
}

/// What the batch has done in all, the page at hand included.
fn tally(progress: &Progress) -> Tally {
    let tally = Tally::processed(0).with(RECORDS, progress.records).with(CALLS, i64::from(progress.page) + 1);
    let tally = if progress.malformed > 0 { tally.with(MALFORMED, progress.malformed) } else { tally };
    Tally { processed: i64::from(progress.next.is_none()), ..tally }
}

/// The number of a record among all of its run.
fn row(step: Step, n: usize) -> u64 {
    (u64::from(step.batch) + u64::from(step.page)) * ROWS_OF_PAGE + n as u64
}

fn refused(error: StoreError) -> Failure {
    match error {
        StoreError::Failed(_) => Failure::new(Class::Abandoned, "the lease was lost"),
        other => other.into(),
    }
}
