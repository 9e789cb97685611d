// BullMQ as a peer of the engine: `node bullmq_peer.mjs PORT TASKS WORKERS CONCURRENCY`.
//
// The producer adds TASKS jobs in bulk while WORKERS other processes, each with CONCURRENCY at once,
// do nothing for each of them. Prints one JSON line: what was added and what came to its end a second,
// and how many microseconds a single job waited in an idle queue, as [p50, p99].
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Queue, Worker } from "bullmq";

const [port, tasks, workers, concurrency] = process.argv.slice(2).map(Number);
const connection = { host: "127.0.0.1", port };
const SINGLES = 200;
const BULK = 1000;

if (process.send) {
  // A worker: it reports what it has done, and when the single jobs began.
  let done = 0;
  const work = async (job) => {
    if (job.name === "single") process.send({ waited: (performance.timeOrigin + performance.now() - job.data.at) * 1000 });
    done += 1;
  };
  const worker = new Worker("pace", work, { connection, concurrency, removeOnComplete: { count: 0 } });
  setInterval(() => process.send({ done }), 5);
  process.on("message", async () => { await worker.close(true); process.exit(0); });
  await worker.waitUntilReady();
  process.send({ ready: true });
} else {
  const queue = new Queue("pace", { connection });
  await queue.waitUntilReady();
  const opts = { removeOnComplete: true };
  const bulk = Array.from({ length: BULK }, () => ({ name: "nothing", data: {}, opts }));
  const add = async () => {
    const begun = performance.now();
    for (let added = 0; added < tasks; added += BULK) await queue.addBulk(bulk.slice(0, Math.min(BULK, tasks - added)));
    return (performance.now() - begun) / 1000;
  };
  const enqueue = await add();
  await queue.obliterate({ force: true });

  const crew = Array.from({ length: workers }, () => fork(fileURLToPath(import.meta.url), process.argv.slice(2)));
  const done = crew.map(() => 0);
  const waits = [];
  let wake = () => {};
  await Promise.all(crew.map((worker, n) => new Promise((ready) => worker.on("message", (said) => {
    if (said.ready) ready();
    if (said.done !== undefined) done[n] = said.done;
    if (said.waited !== undefined) waits.push(said.waited);
    wake();
  }))));
  const until = async (holds) => { while (!holds()) await new Promise((heard) => { wake = heard; }); };
  const begun = performance.now();
  await add();
  await until(() => done.reduce((one, other) => one + other, 0) >= tasks);
  const endToEnd = (performance.now() - begun) / 1000;

  for (let n = 1; n <= SINGLES; n += 1) {
    // The clock is read when the job was acknowledged to be there at the earliest: right before it is sent.
    await queue.add("single", { at: performance.timeOrigin + performance.now() }, opts);
    await until(() => waits.length >= n);
  }
  waits.sort((one, other) => one - other);
  crew.forEach((worker) => worker.send("stop"));
  await queue.close();
  const at = (share) => Math.round(waits[Math.floor(waits.length * share)]);
  console.log(JSON.stringify({ enqueue_per_s: tasks / enqueue, end_to_end_per_s: tasks / endToEnd, idle_us: [at(0.5), at(0.99)] }));
  setTimeout(() => process.exit(0), 200);
}
