"""How insight fails journey; no caller ever sees it."""


class InsightFails(Exception):
    """Insight does not answer, or not with what can be true."""


class InsightRefuses(Exception):
    """Insight is well and says no, to this client or organisation: no word on other calls."""
