"""The regression of one tier: the logarithm of expected demand on that of the price, and on time.

Quasi-Poisson with a log link. It is log-log in form, is consistent whatever the variance is like
(Gourieroux, Monfort and Trognon 1984), and days without a sale stay in; the logarithm of demand
would lose them, and be biased by variance that depends on the price (Santos Silva and Tenreyro
2006).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from services.pricing.evidence.rules.fitted import Fit
from services.pricing.evidence.rules.sandwich import Numbers, variance
from services.pricing.evidence.rules.series import Series

PRICE = 1
"""The column of the price; before it stands the constant."""
_YEAR, _MONTH = 365.25, 30.4375
_VARIED = 0.005
"""Least standard deviation of a logarithm that says anything."""
_RANK = 1e-9


@dataclass(frozen=True, slots=True)
class Design:
    """What demand is explained by, column by column."""

    columns: Numbers
    promotion: int | None
    competitors: int | None


def design(series: Series) -> Design:
    """Constant, price, day of the week, trend, seasons as far as the days reach, and what else."""
    days = np.arange(float(len(series)))
    columns = [np.ones(len(series)), _centred(np.log(series.prices)), *_time(series, days)]
    promotion = competitors = None
    if any(series.promotion):
        promotion = len(columns)
        columns.append(np.asarray(series.promotion))
    if series.competitors is not None:
        logarithm = _centred(np.log(series.competitors))
        if logarithm.std() >= _VARIED:
            competitors = len(columns)
            columns.append(logarithm)
    return Design(np.column_stack(columns), promotion, competitors)


def _centred(values: Numbers) -> Numbers:
    centred: Numbers = values - values.mean()
    return centred


def _time(series: Series, days: Numbers) -> list[Numbers]:
    """Weekdays from four weeks on, months from three, years from two years on, and a trend."""
    length = len(series)
    columns = [(days - days.mean()) / max(1, length)]
    weekday = (days + series.start.weekday()) % 7
    columns += [(weekday == one) - 1 / 7 for one in range(6)]
    day_of_year = days + series.start.timetuple().tm_yday
    for period, harmonics in ((_MONTH, _harmonics(length, 90)), (_YEAR, _harmonics(length, 365))):
        for harmonic in range(1, harmonics + 1):
            angle = 2 * np.pi * harmonic * day_of_year / period
            columns += [np.sin(angle), np.cos(angle)]
    return columns


def _harmonics(length: int, least: int) -> int:
    """None below, one from there, two from twice as much on."""
    return min(2, length // least)


def inflation(made: Design) -> float:
    """Variance inflation of the price: how much of it the other columns already say."""
    price = made.columns[:, PRICE]
    others = np.delete(made.columns, PRICE, axis=1)
    fitted = others @ np.linalg.lstsq(others, price, rcond=None)[0]
    left = float(np.sum((price - fitted) ** 2))
    return float(np.sum(price**2)) / left if left > 0 else float("inf")


def fit(demand: Numbers, made: Design) -> Fit | None:
    """The regression; None when there is no answer."""
    columns = made.columns
    if np.linalg.matrix_rank(columns, tol=_RANK * len(columns)) < columns.shape[1]:
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = GLM(demand, columns, family=Poisson()).fit(maxiter=100, rtol=1e-12)
    except (PerfectSeparationError, np.linalg.LinAlgError, ValueError):
        return None
    if not found.converged or not np.all(np.isfinite(found.params)):
        return None
    return _described(demand, made, np.asarray(found.params), np.asarray(found.fittedvalues))


def _described(demand: Numbers, made: Design, params: Numbers, fitted: Numbers) -> Fit | None:
    weight = np.sqrt(np.maximum(fitted, 1e-12))
    residuals = (demand - fitted) / weight
    freedom = len(demand) - made.columns.shape[1]
    spread = float(residuals @ residuals) / freedom
    if not spread > _RANK:  # nothing is left to judge the estimate by
        return None
    robust = variance(made.columns * weight[:, None], residuals, PRICE)
    rho = robust.autocorrelation
    return Fit(
        elasticity=float(params[PRICE]),
        standard_error=robust.standard_error,
        freedom=robust.freedom,
        lags=robust.lags,
        autocorrelation=float(residuals[1:] @ residuals[:-1] / (residuals @ residuals)),
        r_squared=_r_squared(demand, fitted),
        dispersion=max(1.0, spread * (1 + rho) / (1 - rho)),
        promotion_effect=0.0 if made.promotion is None else float(params[made.promotion]),
        competitor_effect=None if made.competitors is None else float(params[made.competitors]),
    )


def _r_squared(demand: Numbers, fitted: Numbers) -> float:
    """Squared correlation of what was sold and what was fitted."""
    both = np.corrcoef(demand, fitted)[0, 1]
    return float(both**2) if np.isfinite(both) else 0.0
