"""What the results of a study say: statistics and tables from data frames, without torch."""

from lpreg.analysis.convergence import Convergence, MapRule, Rule, loss_epochs, member_epochs, speed
from lpreg.analysis.firstlayer import first_layer
from lpreg.analysis.stats import Summary, summarize
from lpreg.analysis.tables import accuracy, choose, chosen, peak, weights

__all__ = [
    "Convergence",
    "MapRule",
    "Rule",
    "Summary",
    "accuracy",
    "choose",
    "chosen",
    "first_layer",
    "loss_epochs",
    "member_epochs",
    "peak",
    "speed",
    "summarize",
    "weights",
]
