"""What OTLP 1.11 asks of OTLP/gRPC beyond what it asks of both transports."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import BYTES_MAX
from tests.conformance.wires import GrpcWire, Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def grpc(wires: dict[str, Wire]) -> GrpcWire:
    """The wire."""
    wire = wires["grpc"]
    assert isinstance(wire, GrpcWire)
    return wire


SIGNALS = ("trace", "metrics", "logs")
METHODS = {signal: f"{signal}.v1.{signal.title()}Service/Export" for signal in SIGNALS}


@pytest.mark.parametrize("signal", SIGNALS)
async def test_the_services_of_all_signals(grpc: GrpcWire, signal: str) -> None:
    """(OTLP/gRPC Service and Protobuf Definitions): each has its own."""
    answer = await grpc.call(METHODS[signal], b"")

    assert (answer.outcome, answer.raw) == ("full success", b"")


@pytest.mark.parametrize("signal", SIGNALS)
async def test_bad_data_is_an_invalid_argument(grpc: GrpcWire, signal: str) -> None:
    """(Failures): INVALID_ARGUMENT, with a BadRequest that says what is wrong."""
    answer = await grpc.call(METHODS[signal], b"\xff")

    assert (answer.outcome, answer.code) == ("not retryable", "INVALID_ARGUMENT")
    assert answer.is_bad_request


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("is_packed", [False, True], ids=["as sent", "after decompression"])
async def test_c2_too_large_is_not_retryable(
    grpc: GrpcWire, signal: str, *, is_packed: bool
) -> None:
    """C2 (OTLP/gRPC Request): RESOURCE_EXHAUSTED without RetryInfo."""
    answer = await grpc.call(METHODS[signal], bytes(100 * BYTES_MAX), is_packed=is_packed)

    assert (answer.outcome, answer.code) == ("not retryable", "RESOURCE_EXHAUSTED")
    assert answer.retry_seconds is None


@pytest.mark.parametrize(
    "method", ["profiles.v1development.ProfilesService/Export", "trace.v1.TraceService/Import"]
)
async def test_other_methods_are_unimplemented(grpc: GrpcWire, method: str) -> None:
    """(Failures): which no client sends again."""
    answer = await grpc.call(method, b"")

    assert (answer.outcome, answer.code) == ("not retryable", "UNIMPLEMENTED")
