"""What somebody writes with FastAPI, pydantic and SQLite: an event, durable before it is answered."""

import datetime
import os
import sqlite3
import threading
from typing import Any

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

KEY = os.environ["PEER_KEY"]
FOLDER = os.environ["PEER_FOLDER"]
app = FastAPI()
kept = threading.local()


class Raw(BaseModel):
    data: dict[str, Any]


class Answer(BaseModel):
    status: int
    description: str
    data: dict[str, Any]


def database():
    if not hasattr(kept, "db"):
        kept.db = sqlite3.connect(f"{FOLDER}/peer.db", timeout=60, isolation_level=None)
        kept.db.execute("PRAGMA journal_mode = WAL")
        kept.db.execute("PRAGMA synchronous = FULL")
        kept.db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT, sk TEXT, name TEXT, user_id TEXT, data TEXT)")
    return kept.db


def write(body, key):
    if key != KEY:
        raise HTTPException(status_code=401)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    row = ("action", now, "default", key[:8], body.model_dump_json())
    database().execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
    data = {"id": row[0], "sk": now, "event_time": now, "name": "default", "data": body.data}
    return Answer(status=200, description="Successfully added raw data to database", data=data)


if os.environ["PEER_KIND"] == "async":

    @app.post("/source/write_raw", response_model=Answer)
    async def write_raw(body: Raw, x_api_key: str = Header()):
        return write(body, x_api_key)

else:

    @app.post("/source/write_raw", response_model=Answer)
    def write_raw(body: Raw, x_api_key: str = Header()):
        return write(body, x_api_key)
