"""Every law on every case."""

import pytest

from tests.penalties import laws
from tests.penalties.cases import (
    CASES,
    NEAR_THE_ENDS,
    NORMS,
    SEPARABLE,
    SEPARABLE_SUMS,
    WITH_PROX,
)

WITH_ROOT = SEPARABLE | NEAR_THE_ENDS | NORMS | SEPARABLE_SUMS


@pytest.mark.parametrize("case", WITH_ROOT)
def test_prox_is_the_root(case: str) -> None:
    laws.prox_is_the_root(WITH_ROOT[case])


@pytest.mark.parametrize("case", WITH_PROX)
@pytest.mark.parametrize("law", laws.OF_THE_PROX, ids=lambda law: law.__name__)
def test_of_the_prox(law: laws.Law, case: str) -> None:
    law(CASES[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("law", laws.OF_ALL, ids=lambda law: law.__name__)
def test_of_all(law: laws.Law, case: str) -> None:
    law(CASES[case])
