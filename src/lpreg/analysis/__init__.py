"""What the results of a study say: statistics and tables from data frames, without torch."""

from lpreg.analysis.choice import one_standard_error, ranking, recommend
from lpreg.analysis.convergence import Convergence, MapRule, Rule, loss_epochs, member_epochs, speed
from lpreg.analysis.firstlayer import first_layer
from lpreg.analysis.stats import Effect, Summary, equivalence, holm, needed, paired, summarize
from lpreg.analysis.tables import accuracy, choose, chosen, peak, weights

__all__ = [
    "Convergence",
    "Effect",
    "MapRule",
    "Rule",
    "Summary",
    "accuracy",
    "choose",
    "chosen",
    "equivalence",
    "first_layer",
    "holm",
    "loss_epochs",
    "member_epochs",
    "needed",
    "one_standard_error",
    "paired",
    "peak",
    "ranking",
    "recommend",
    "speed",
    "summarize",
    "weights",
]
