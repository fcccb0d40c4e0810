"""What the results of a study say: statistics and tables from data frames, without torch."""

from lpreg.analysis.stats import Summary, summarize
from lpreg.analysis.tables import accuracy, choose, chosen, weights

__all__ = ["Summary", "accuracy", "choose", "chosen", "summarize", "weights"]
