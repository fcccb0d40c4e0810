"""The topics that `lpreg explain` knows: a line each, imported when one is asked for."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

import pandas as pd

from lpreg.analysis.claims import TYPES

FILE, VERDICTS = "topic.json", "verdicts.csv"
"""What a folder of a topic holds beside its pictures and their numbers."""


class Progress(Protocol):
    """What a topic is given to work with.

    Attributes:
        quick: whether fewer repetitions are enough, for a first look.
    """

    quick: bool

    def __call__(self, part: str) -> object:
        """Say what is done next."""


@dataclass(frozen=True)
class Picture:
    """A picture in the folder of its topic: STEM.png and STEM.svg; STEM.gif and a still STEM.png.

    Attributes:
        stem: of its files, and of the CSV with what it shows where `Result.numbers` has it.
        caption: how to read it, a sentence or two.
        alt: what is seen, for those who cannot.
        moves: whether it is an animation.
    """

    stem: str
    caption: str
    alt: str
    moves: bool = False


@dataclass(frozen=True)
class Result:
    """What a topic has made.

    Attributes:
        figures: in the order of the page.
        numbers: stem of a CSV -> the frame that is written to it.
        verdicts: what `lpreg.explain.common.verdicts` gives; None for a topic without statements.
        links: other files in its folder -> what the index calls them.
    """

    figures: Sequence[Picture]
    numbers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    verdicts: pd.DataFrame | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Put all but the pictures, which are there, into the folder of the topic."""
        for stem, frame in self.numbers.items():
            frame.to_csv(folder / f"{stem}.csv", index=False)
        if self.verdicts is not None:
            self.verdicts.to_csv(folder / VERDICTS, index=False)
        about = {"figures": [asdict(each) for each in self.figures], "links": dict(self.links)}
        (folder / FILE).write_text(json.dumps(about, indent=1), "utf-8")


def read(folder: Path) -> Result | None:
    """What `Result.write` has left in a folder, but for the numbers; None where it was not."""
    if not (folder / FILE).exists():
        return None
    about = json.loads((folder / FILE).read_text("utf-8"))
    rows = None
    if (folder / VERDICTS).exists():
        nothing = {name: [""] for name, kind in TYPES.items() if kind == "float"}
        file = folder / VERDICTS
        rows = pd.read_csv(file, dtype=TYPES, keep_default_na=False, na_values=nothing)
    return Result([Picture(**each) for each in about["figures"]], {}, rows, about["links"])


Make = Callable[[Path, Progress], Result]


@dataclass(frozen=True)
class Topic:
    """A thing to explain.

    Attributes:
        name: what is typed, and the folder.
        title: its heading.
        text: two or three plain sentences.
        make: draws it into an existing folder.
    """

    name: str
    title: str
    text: str
    make: Make


def make(topic: Topic, out: Path, progress: Progress) -> Result:
    """Make a topic in its folder OUT/NAME."""
    folder = out / topic.name
    folder.mkdir(parents=True, exist_ok=True)
    result = topic.make(folder, progress)
    result.write(folder)
    return result


def _of(module: str) -> Make:
    """The `make` of a module of this package, which is imported only when that is called."""
    return lambda folder, progress: import_module(f"lpreg.explain.{module}").make(folder, progress)


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "norms",
            "Norms and their balls",
            "A penalty |x|^p decides by its shape what it does to a weight. Its slope says how "
            "hard a weight is pushed, its prox where a step puts it. The ball of all weights with "
            "the same penalty shows both at once: corners on the axes make zeros.",
            _of("norms"),
        ),
        Topic(
            "zeros",
            "Why L1 gives zeros, and what for",
            "A penalised solution lies where the ball of a penalty first touches a contour of the "
            "loss. Balls with corners on the axes are touched there, and a weight is exactly zero; "
            "round balls are touched beside the axes. Either keeps a network that is far too large "
            "from following the noise.",
            _of("zeros"),
        ),
        Topic(
            "minima",
            "Many minima",
            "With p < 1 a weight of zero is held by an infinite slope, so that many sets of "
            "features have a minimum of their own, and the start decides which is met. A deep "
            "network is not convex either; where its starts end and how it curves is measured.",
            _of("minima"),
        ),
        Topic(
            "paths",
            "Paths of weights",
            "What becomes of every weight as the strength grows, from ordinary least squares to "
            "nothing: on ten features, with more features than rows, and in the first layer of a "
            "network. L1 lets features go one by one, L2 shrinks all of them and drops none.",
            _of("paths"),
        ),
        Topic(
            "priors",
            "Penalties as priors",
            "With Gaussian noise, the weights that a penalty finds are the most probable ones "
            "under a prior: a Gaussian for L2, a Laplace for L1, a generalised normal for |w|^p. "
            "That is so of the mode alone: the mean of the same posterior has no zeros.",
            _of("priors"),
        ),
        Topic(
            "outliers",
            "Outliers: penalty or loss?",
            "THEORY says that L1 is robust to outliers. That is so of the L1 loss, |error|, and "
            "not of the L1 penalty, |weight|. Both are tried, on data with ever more outliers.",
            _of("statements.outliers"),
        ),
        Topic(
            "truth",
            "Sparse or dense truth",
            "Which penalty predicts best depends on the truth: a few inputs that matter call for "
            "zeros, many that matter alike for none. The elastic net stands between.",
            _of("statements.truth"),
        ),
        Topic(
            "stability",
            "Selection among correlated features",
            "Of inputs that are much alike L1 picks one, and another one on other samples. The "
            "elastic net takes them together.",
            _of("statements.stability"),
        ),
        Topic(
            "tradeoff",
            "Bias and variance",
            "A penalty makes networks more alike whatever sample they were trained on (less "
            "variance), and wrong in the same way (more bias). Both are measured over many "
            "training sets, over the width of a network and over the strength.",
            _of("statements.tradeoff"),
        ),
        Topic(
            "votes",
            "Bias and variance of right and wrong",
            "The same for classes, where an answer is right or wrong: bias is where the majority "
            "of many networks is wrong, variance how often a network is not of their opinion.",
            _of("statements.votes"),
        ),
        Topic(
            "biases",
            "Weights only, or biases too",
            "THEORY leaves biases unpenalised, as they need less data. Networks are trained with a "
            "penalty on the weights, on the biases, on both and on nothing.",
            _of("statements.biases"),
        ),
        Topic(
            "orders",
            "L3 and L4 beside L2, and what each p costs",
            "COURAGE says that higher orders act as L2 does and cost more. They are compared at "
            "matched strength, and the prox of every penalty is timed.",
            _of("statements.orders"),
        ),
        Topic(
            "removal",
            "Removing weights",
            "Networks lose most of their weights in five ways, and are compared at equal density: "
            "by L1 in one go, by magnitude, again and again with rewinding, at random.",
            _of("statements.removal"),
        ),
        Topic(
            "tuning",
            "Two strengths or one",
            "The elastic net has two strengths to tune. That takes more fits, and held-out samples "
            "to choose among them: how many, and for what gain?",
            _of("statements.tuning"),
        ),
        Topic(
            "evolution",
            "L0 without gradients",
            "L0 counts, and has no slope to follow. SHAPES says it is for algorithms without "
            "gradients: a small evolution strategy looks for the inputs to use.",
            _of("statements.evolution"),
        ),
        Topic(
            "ensemble",
            "Averaging networks",
            "THEORY counts ensembles among the ways to regularise: networks trained on different "
            "samples, whose answers are averaged.",
            _of("statements.ensemble"),
        ),
        Topic(
            "explorer",
            "Touch a penalty",
            "A page to play with: sliders move the loss, the penalty and the data, and with them "
            "the solution, its path, the prox and the prior. A tour of five steps begins it.",
            _of("explorer"),
        ),
        Topic(
            "summary",
            "What each penalty does, and where the documents disagree",
            "THEORY ends with a table of L1 against L2. Here is one of all penalties, made from "
            "the statements above: every answer leads to what it rests on. A second page holds "
            "against each other what the documents say differently.",
            _of("summary"),
        ),
    )
}
"""The topics by name, in the order of the page."""
