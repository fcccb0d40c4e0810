"""Which penalty, how strong, for one's own network and data: a study and its answer."""

from lpreg.comparison.fitted import Fitted
from lpreg.comparison.questions import Question, answer, ask, compare
from lpreg.comparison.result import Comparison
from lpreg.comparison.subject import Subject, subject

__all__ = ["Comparison", "Fitted", "Question", "Subject", "answer", "ask", "compare", "subject"]
