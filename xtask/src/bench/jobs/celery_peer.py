"""Celery as a peer of the engine: `celery_peer.py PORT TASKS POOL CONCURRENCY PREFETCH`.

One worker process with this pool does nothing for each of TASKS tasks, which are acknowledged late,
so that a worker that dies loses none. Prints one JSON line, as the other peers do.
"""

import json
import os
import subprocess
import sys
import time

from celery import Celery
from redis import Redis

PORT = os.environ.get("PACE_PORT") or sys.argv[1]
SINGLES = 100

app = Celery("celery_peer", broker=f"redis://127.0.0.1:{PORT}/0")
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_prefetch_multiplier=int(os.environ.get("PACE_PREFETCH", "4")))


@app.task
def nothing():
    return None


@app.task
def single(at):
    Redis(port=int(PORT)).rpush("waits", (time.time() - at) * 1e6)


def drained(redis):
    while redis.llen("celery") or redis.hlen("unacked"):
        time.sleep(0.002)


def main():
    port, tasks, pool, concurrency, prefetch = sys.argv[1:6]
    tasks = int(tasks)
    redis = Redis(port=int(port))

    def enqueue():
        begun = time.perf_counter()
        with app.producer_pool.acquire() as producer:
            for _ in range(tasks):
                nothing.apply_async(producer=producer)
        return time.perf_counter() - begun

    enqueued = enqueue()
    redis.delete("celery")
    environment = {**os.environ, "PACE_PORT": port, "PACE_PREFETCH": prefetch, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    command = [sys.executable, "-m", "celery", "-A", "celery_peer", "worker", "-P", pool, "-c", concurrency, "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        single.delay(time.time())
        redis.blpop("waits", timeout=60)
        begun = time.perf_counter()
        enqueue()
        drained(redis)
        end_to_end = time.perf_counter() - begun
        waits = []
        for _ in range(SINGLES):
            single.delay(time.time())
            waits.append(float(redis.blpop("waits", timeout=60)[1]))
        waits.sort()
    finally:
        worker.terminate()
        worker.wait()
    at = lambda share: round(waits[int(len(waits) * share)])
    print(json.dumps({"enqueue_per_s": tasks / enqueued, "end_to_end_per_s": tasks / end_to_end, "idle_us": [at(0.5), at(0.99)]}))


if __name__ == "__main__":
    main()
