"""A study whose every text tries to be more than text.

Names in a TOML are letters, digits and a few marks; frames from elsewhere may hold any, which is
what `renamed` is for.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from lpreg.figures import Evidence

SCRIPT = "</script><script>window.hacked = 1</script>"
IMAGE = "<img src=x onerror='window.hacked = 1'>"
TITLE = f"Title {SCRIPT}"
LINK = "<a href='https://example.com/'>other</a>"
NOTE = f"Note {IMAGE} {SCRIPT}"
NAMES = {"L1": f"L1 {IMAGE}", "L2": LINK, "small": f"small {SCRIPT}", "modern": f"<i>x {SCRIPT}"}
"""What the study calls its arms, models and recipes, and hostile names in their place."""

STUDY = f"""
[study]
name = "hostile"
title = "{TITLE}"
source = "Source {IMAGE}"
note = "{NOTE}"
seeds = 3

[[data]]
name = "digits"
split = {{ train = 120, val = 60, test = 60 }}

[[model]]
name = "small"
kind = "mlp"
hidden = [6]

[[model]]
name = "deep"
kind = "mlp"
hidden = [5, 4]

[[recipe]]
name = "modern"
lr = 1e-2
batch_size = 32
epochs = 6
inputs = "scaled"
snapshots = ["fc1.weight"]
snapshot_every = 3

[[recipe]]
name = "document"
models = ["deep"]
lr = 1e-2
batch_size = 32
epochs = 3
inputs = "scaled"

[[arm]]
name = "none"

[[arm]]
name = "L1"
penalty = {{ kind = "L1", lam = [1e-4, 1e-3] }}
coupling = "proximal"

[[arm]]
name = "L2"
penalty = {{ kind = "L2", lam = 1e-3 }}

[[claim]]
name = "zeros"
text = "L1 makes zeros {SCRIPT}"
source = "Source of the claim {IMAGE}"
published = "ten times {IMAGE}"
note = "{NOTE}"
kind = "higher"
metric = "zeros"
left = {{ arm = "L1" }}
right = {{ arm = "none" }}

[[claim]]
name = "gaps"
text = "All gaps are the same"
kind = "equal"
metric = "gap"
margin = 0.01
left = {{ arm = "L1" }}
right = {{ arm = "L2" }}

[plan]
workers = 1
"""


def renamed(evidence: Evidence, names: Mapping[str, str] = NAMES) -> Evidence:
    """The same evidence of arms, models and recipes that are called differently."""
    tables = {
        key: value for key, value in vars(evidence).items() if isinstance(value, pd.DataFrame)
    }
    return replace(evidence, **{key: _renamed(table, names) for key, table in tables.items()})


def _renamed(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    there = [name for name in ("arm", "model", "recipe", "data") if name in table]
    return table.assign(
        **{name: [names.get(str(each), each) for each in table[name]] for name in there}
    )
