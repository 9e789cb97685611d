"""What pandas selects of the flights, for carts.rs: `carts.py flights.csv expected.json`."""

import json
import sys

import pandas as pd

flights = pd.read_csv(sys.argv[1], dtype={"flight": str, "carrier": str, "tailnum": str, "time_hour": str})
names = flights["time_hour"] + "," + flights["carrier"] + "," + flights["flight"]
assert names.is_unique

carriers = flights["carrier"].isin(["UA", "B6", "HA"])
distance = flights["distance"].between(1000, 2500)
late = flights["dep_delay"].between(60.5, 1e6)

selections = [
    ("carrier in a set", {"carrier": {"is": ["UA", "B6", "HA"]}}, carriers),
    ("distance in a range", {"distance": {"within": [[1000, 2500]]}}, distance),
    ("no tail number", {"tailnum": {"is": [None]}}, flights["tailnum"].isna()),
    ("no arrival delay, and a tail number", {"arr_delay": {"exists": False}, "tailnum": {"exists": True}},
     flights["arr_delay"].isna() & flights["tailnum"].notna()),
    ("late from an airport", {"origin": {"prefix": "J"}, "dep_delay": {"within": [[60.5, 1000000]]}},
     flights["origin"].str.startswith("J") & late),
    ("both", {"carrier": {"is": ["UA", "B6", "HA"]}, "distance": {"within": [[1000, 2500]]}}, carriers & distance),
]
algebra = {
    "union": carriers | distance,
    "intersect": carriers & distance,
    "subtract": carriers & ~distance,
}

with open(sys.argv[2], "w") as out:
    json.dump({
        "pandas": pd.__version__,
        "queries": [{"name": name, "filters": filters, "ids": sorted(names[mask])}
                    for name, filters, mask in selections],
        "algebra": {op: sorted(names[mask]) for op, mask in algebra.items()},
    }, out)
