"""One split of a small table, or a new one for every seed: which chooses better, which tells the
truth about what it chose?

Ridge regressions, whose true error is known: rows of 30 standard normal inputs, 10 of which matter,
and noise; 13 strengths; 60 % training, 20 % validation, 20 % test. With five splits the strength is
the one that is best on the mean of the validation parts, and the test error the mean of the test
parts: a row that tests in one split helps to choose in another. Printed over many tables:

- excess: how much larger the true error of the chosen strength is, trained on all rows, than that
  of the best of the strengths, mean;
- bias: reported test error over the true error of the networks that it is of, minus 1, mean and
  twice its standard error;
- spread: standard deviation of the same;
- covered: how often the 95 % interval of the reported test error contains the true one; for one
  split there is none, since the seeds of one split repeat the training alone.
"""

import numpy as np

from lpreg.analysis.stats import paired

INPUTS, MATTER = 30, 10
STRENGTHS = np.logspace(-1, 3, 13)
TABLES = 1000


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ridge coefficients, (strengths, inputs)."""
    values, vectors = np.linalg.eigh(x.T @ x)
    return (vectors.T @ (x.T @ y) / (values + STRENGTHS[:, None])) @ vectors.T


def errors(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean squared errors, (strengths,)."""
    return np.square(w @ x.T - y).mean(1)


def one_table(rows: int, splits: int, noise: float, random: np.random.Generator) -> np.ndarray:
    """Excess, reported over true error - 1, and whether the interval covers."""
    truth = np.where(np.arange(INPUTS) < MATTER, random.normal(size=INPUTS), 0)
    x = random.normal(size=(rows, INPUTS))
    y = x @ truth + noise * random.normal(size=rows)
    a, b = round(0.6 * rows), round(0.8 * rows)
    val, test, true = [], [], []
    for _ in range(splits):
        order = random.permutation(rows)
        w = fit(x[order[:a]], y[order[:a]])
        val.append(errors(w, x[order[a:b]], y[order[a:b]]))
        test.append(errors(w, x[order[b:]], y[order[b:]]))
        true.append(np.square(w - truth).sum(1) + noise**2)
    best = np.mean(val, 0).argmin()
    reported, own = np.array(test)[:, best], np.mean(true, 0)[best]
    final = np.square(fit(x, y) - truth).sum(1) + noise**2
    interval = paired(reported, test_share=(rows - b) / a)
    covers = interval.low <= own <= interval.high if splits > 1 else np.nan
    return np.array([final[best] / final.min() - 1, reported.mean() / own - 1, covers])


def main() -> None:
    """Print the table."""
    print("| rows | noise | splits | excess | bias | spread | covered |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rows in (100, 200, 400):
        for noise in (1.0, 4.0):
            for splits in (1, 5):
                random = np.random.default_rng(0)
                found = [one_table(rows, splits, noise, random) for _ in range(TABLES)]
                excess, bias, covers = np.mean(found, 0)
                spread = np.std(found, 0)[1]
                error = 2 * spread / TABLES**0.5
                covered = f"{covers:.1%}" if splits > 1 else ""
                print(
                    f"| {rows} | {noise:g} | {splits} | {excess:.1%} | {bias:+.1%} ± {error:.1%} "
                    f"| {spread:.1%} | {covered} |"
                )


if __name__ == "__main__":
    main()
