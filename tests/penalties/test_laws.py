"""Every law on every case."""

import pytest

from tests.penalties import laws
from tests.penalties.cases import CASES, NORMS, SEPARABLE, SEPARABLE_SUMS, WITH_PROX


@pytest.mark.parametrize("case", SEPARABLE | NORMS | SEPARABLE_SUMS)
def test_prox_is_the_root(case: str) -> None:
    laws.prox_is_the_root(CASES[case])


@pytest.mark.parametrize("case", WITH_PROX)
@pytest.mark.parametrize("law", laws.OF_THE_PROX, ids=lambda law: law.__name__)
def test_of_the_prox(law: laws.Law, case: str) -> None:
    law(CASES[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("law", laws.OF_ALL, ids=lambda law: law.__name__)
def test_of_all(law: laws.Law, case: str) -> None:
    law(CASES[case])
