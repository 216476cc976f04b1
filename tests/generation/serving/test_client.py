import pytest

from conf.errors import TryAgainError, UsageError
from generation.serving.client import TritonPaint, status_of
from generation.serving.server import LocalTriton, free_ports


def test_no_url_is_a_usage_error():
    with pytest.raises(UsageError, match=r"generation\.urls"):
        TritonPaint(urls=())


def test_nobody_listening_is_try_again(make_request):
    (port,) = free_ports(1)
    backend = TritonPaint(urls=(f"127.0.0.1:{port}",), attempts=2)
    with pytest.raises(TryAgainError, match=rf"No answer from Triton at 127\.0\.0\.1:{port} after 2 attempts"):
        list(backend.paint([make_request()]))


def test_a_dead_server_of_several_is_passed_over(stand_in, quick, tmp_path, make_request):
    (port,) = free_ports(1)
    with LocalTriton(quick, tmp_path) as server:
        backend = TritonPaint(urls=(f"127.0.0.1:{port}", server.url), in_flight=2, attempts=6)
        results = list(backend.paint([make_request(number) for number in range(6)]))
        assert sorted(result.index for result in results) == list(range(6))
        assert [result.error for result in results] == [None] * 6
        assert TritonPaint(urls=(server.url,)).fingerprint() == "stand-in-1"


def test_requests_in_flight_are_painted_in_batches(stand_in, quick, tmp_path, make_request):
    """By a painter that takes its time, so that requests queue however busy the machine is."""
    slow = quick.model_copy(update={"checkpoint": "/slow-0.1"})
    with LocalTriton(slow, tmp_path) as server:
        backend = TritonPaint(urls=(server.url,), in_flight=8)
        assert len(list(backend.paint([make_request(number) for number in range(32)]))) == 32
        from tritonclient.grpc import InferenceServerClient

        client = InferenceServerClient(server.url)
        statistics = client.get_inference_statistics("painter").model_stats[0]
        client.close()
    executions = {each.batch_size: each.compute_infer.count for each in statistics.batch_stats}
    assert statistics.inference_count == 33  # 32 and the probe of the start
    assert max(executions) == 4  # quick.max_batch
    assert sum(executions.values()) <= 16


def test_status_of_errors_that_are_not_triton_s():
    assert status_of(ValueError("x")) == ""
