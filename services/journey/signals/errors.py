"""How insight fails journey; no caller ever sees it."""


class InsightFails(Exception):
    """Insight does not answer, or not with what can be true."""


class InsightLate(InsightFails):
    """Insight does not answer in time."""


class InsightAway(InsightFails):
    """Insight is not there."""


class InsightRefuses(Exception):
    """Insight is well and says no, to this client or organisation: no word on other calls."""
