"""The error table, and what of an error fits into trailers."""

from __future__ import annotations

from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from shared import errors
from shared.rpc import status


def _details(error: errors.FootfallError) -> status_pb2.Status:
    return status_pb2.Status.FromString(status.failure_of(error).details)


def test_the_most_specific_class_wins() -> None:
    class Late(errors.NotFound):
        """Late."""

    class Both(errors.InvalidField, errors.NotFound):
        """Both."""

    assert status.code_of(Late) is StatusCode.NOT_FOUND
    assert status.code_of(Both) is StatusCode.INVALID_ARGUMENT
    assert status.code_of(errors.ConcurrentChange) is StatusCode.ABORTED


def test_what_is_not_in_the_table_is_internal() -> None:
    assert not status.known(errors.FootfallError("an area forgot its base"))
    assert not status.known(ValueError("x"))


def test_an_internal_failure_tells_an_id_and_nothing_else() -> None:
    failure = status.internal_failure("4711")
    info = error_details_pb2.ErrorInfo()
    details = status_pb2.Status.FromString(failure.details).details
    assert len(details) == 1
    assert details[0].Unpack(info)
    assert (info.reason, dict(info.metadata)) == ("INTERNAL", {"error_id": "4711"})
    assert "4711" in failure.message


def test_a_message_is_the_docstring_filled_from_the_metadata() -> None:
    assert str(errors.ScopeMissing(scope="a:b")) == "The credential lacks the scope a:b."
    assert str(errors.NotFound("No such session.")) == "No such session."


def test_the_message_names_the_first_violations() -> None:
    many = errors.InvalidField(violations=[errors.Violation(f"f{n}", "bad") for n in range(9)])
    message = status.failure_of(many).message
    assert message.endswith("f0: bad; f1: bad; f2: bad; and 6 more")


def test_violations_beyond_what_fits_are_counted() -> None:
    many = [errors.Violation("f" * 500, "é" * 500) for _ in range(500)]
    failure = status.failure_of(errors.InvalidField(violations=many))
    bad = error_details_pb2.BadRequest()
    assert _details(errors.InvalidField(violations=many)).details[1].Unpack(bad)
    told = len(bad.field_violations)
    assert bad.field_violations[-1].description.endswith(f"(and {500 - told} more)")
    assert len(failure.details) * 4 / 3 + len(failure.message.encode()) * 3 < 8192


def test_control_characters_of_callers_do_not_come_back() -> None:
    failure = status.failure_of(errors.NotFound("a\x1b[31m\r\nb\x00"))
    assert failure.message == "a\ufffd[31m\ufffd\ufffdb\ufffd"


def test_a_time_to_retry_is_exact_to_the_millisecond() -> None:
    retry = error_details_pb2.RetryInfo()
    assert _details(errors.Overloaded(retry_after=0.125)).details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 125
