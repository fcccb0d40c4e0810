"""What a module gives that makes a part of a topic."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from lpreg.explain.common import Computed, Sampled
from lpreg.explain.topics import Picture


class Part(NamedTuple):
    """Pictures, their numbers and what they say of statements."""

    figures: Sequence[Picture]
    numbers: Mapping[str, pd.DataFrame]
    found: Sequence[Computed | Sampled]
