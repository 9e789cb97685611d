"""The seed's pipeline as somebody writes it with FastAPI and SQLite: one takes requests, one reads records
and sends parts of 25 items, some write parts, one counts remaining parts down for each notice."""

import hashlib
import os
import queue
import sqlite3
import threading
import uuid

from fastapi import FastAPI
from pydantic import BaseModel

FOLDER = os.environ["PEER_FOLDER"]
PART = 25
requests, parts, notices = queue.Queue(), queue.Queue(maxsize=1000), queue.Queue()
app = FastAPI()


class Query(BaseModel):
    items: int


def database():
    db = sqlite3.connect(f"{FOLDER}/peer.db", timeout=60, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


main = database()
main.execute("CREATE TABLE items (cart TEXT, id TEXT, kind TEXT, entity TEXT, PRIMARY KEY (cart, id)) WITHOUT ROWID")
main.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, total_parts INTEGER, remaining_parts INTEGER)")


def read():
    """The second function of the seed: counts hits first, then sends what there is."""
    db = database()
    while True:
        job, count = requests.get()
        total = -(-count // PART)
        db.execute("UPDATE jobs SET total_parts = ?, remaining_parts = ? WHERE id = ?", (total, total, job))
        for first in range(0, count, PART):
            parts.put((job, range(first, min(first + PART, count))))


def write():
    """The third: writes the items of a part."""
    db = database()
    while True:
        job, numbers = parts.get()
        names = [str(n) for n in numbers]
        rows = [("1", hashlib.sha1(name.encode()).hexdigest(), "numbers", name) for name in names]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
        notices.put(job)


def count():
    """The fourth: counts down, if nobody else did meanwhile."""
    db = database()
    while True:
        job = notices.get()
        while True:
            (seen,) = db.execute("SELECT remaining_parts FROM jobs WHERE id = ?", (job,)).fetchone()
            change = "UPDATE jobs SET remaining_parts = ? WHERE id = ? AND remaining_parts = ?"
            if db.execute(change, (seen - 1, job, seen)).rowcount:
                break


for work in [read, count] + [write] * int(os.environ["PEER_WORKERS"]):
    threading.Thread(target=work, daemon=True).start()


@app.post("/resources/carts/1/items/query", status_code=202)
def query(body: Query):
    job = str(uuid.uuid4())
    database().execute("INSERT INTO jobs VALUES (?, NULL, NULL)", (job,))
    requests.put((job, body.items))
    return {"id": job}


@app.get("/resources/cart-item-batch-jobs/{job}")
def report(job: str):
    total, remaining = database().execute("SELECT total_parts, remaining_parts FROM jobs WHERE id = ?", (job,)).fetchone()
    return {"id": job, "total_parts": total, "remaining_parts": remaining}


@app.get("/resources/carts/1")
def cart():
    (items,) = database().execute("SELECT count(*) FROM items").fetchone()
    return {"items": items}
