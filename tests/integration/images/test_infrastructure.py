"""Nginx, Prometheus and Consul of the local set, as hardened as looma runs them."""

from __future__ import annotations

import socket
import ssl

import pytest
from docker.models.containers import Container

from tests.certificates import self_signed
from tests.integration.images.containers import Containers, archive, output, run, wait_healthy

pytestmark = pytest.mark.engine


# --- nginx -----------------------------------------------------------------------------------------------------------

NGINX = """
user nginx; worker_processes 1; pid /run/nginx.pid; error_log stderr warn; events {}
http {
    access_log /dev/stdout; keepalive_min_timeout 2s;
    server { listen 80; location = /status { stub_status; } location / { return 200 "plain\\n"; } }
    server {
        listen 443 ssl; ssl_protocols TLSv1.3; ssl_certificate /etc/edge/tls.crt; ssl_certificate_key /etc/edge/tls.key;
        location / { return 200 "$ssl_protocol\\n"; }
    }
}
"""


def start_nginx(containers: Containers) -> Container:
    certificate, key = self_signed("edge.test")
    volume = containers.volume()
    container = containers.create(
        "looma/nginx:1.30",
        64,
        command=["nginx", "-c", "/etc/edge/nginx.conf", "-g", "daemon off;"],
        volumes={volume.name: "/etc/edge"},
        cap_add=["SETUID", "SETGID"],
        ports={"80/tcp": ("127.0.0.1", None), "443/tcp": ("127.0.0.1", None)},
    )
    container.put_archive("/etc/edge", archive({"nginx.conf": NGINX, "tls.crt": certificate, "tls.key": key}))
    container.start()
    wait_healthy(container)
    return container


def published(container: Container, port: int) -> tuple[str, int]:
    container.reload()
    return "127.0.0.1", int(container.ports[f"{port}/tcp"][0]["HostPort"])


def test_nginx_takes_what_the_edge_needs(containers: Containers) -> None:
    container = start_nginx(containers)
    code, text = run(container, "nginx", "-t", "-c", "/etc/edge/nginx.conf")
    assert code == 0
    assert "test is successful" in text
    assert "Active connections: 1" in output(container, "wget", "-q", "-O", "-", "http://127.0.0.1/status")
    for program in ("sh", "flock", "rm", "mv", "ln", "find", "grep", "sed", "readlink"):
        assert output(container, "which", program)
    assert "GET /status" in container.logs(stderr=False).decode()


def test_nginx_speaks_tls_1_3_and_nothing_older(containers: Containers) -> None:
    address = published(start_nginx(containers), 443)
    assert tls_version(address, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        tls_version(address, ssl.TLSVersion.TLSv1_2)


def tls_version(address: tuple[str, int], version: ssl.TLSVersion) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(address, timeout=5) as connection, context.wrap_socket(connection, server_hostname="edge.test") as tls:
        return tls.version()


def test_nginx_finishes_a_request_when_it_is_stopped(containers: Containers) -> None:
    container = start_nginx(containers)
    with socket.create_connection(published(container, 80), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: edge.test\r\n")
        container.kill("SIGQUIT")
        connection.sendall(b"\r\n")
        assert b"200 OK" in connection.recv(4096)
    assert container.wait(timeout=20)["StatusCode"] == 0
    assert container.attrs["Config"]["StopSignal"] == "SIGQUIT"


# --- prometheus ------------------------------------------------------------------------------------------------------


def test_prometheus_watches_itself_and_shows_its_pages(containers: Containers) -> None:
    data = containers.volume()
    container = containers.start("looma/prometheus:2.42", 128, volumes={data.name: "/prometheus"})
    assert "SUCCESS" in output(container, "promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    assert "Prometheus" in output(container, "wget", "-q", "-O", "-", "http://127.0.0.1:9090/classic/graph")
    script = output(container, "wget", "-q", "-O", "-", "http://127.0.0.1:9090/classic/static/jquery/jquery.min.js")
    assert "jQuery" in script
    assert output(container, "ls", "/prometheus")


def test_promtool_refuses_a_broken_configuration(containers: Containers) -> None:
    container = containers.start("looma/prometheus:2.42", 128)
    assert run(container, "sh", "-c", "echo 'scrape_configs: 7' > /tmp/broken.yml && promtool check config /tmp/broken.yml")[0] == 1


# --- consul ----------------------------------------------------------------------------------------------------------


def test_consul_leads_and_keeps_its_keys_at_another_address(containers: Containers) -> None:
    data = containers.volume()
    first = containers.start("looma/consul:1.8", 96, volumes={data.name: "/consul/data"})
    assert output(first, "wget", "-q", "-O", "-", "http://127.0.0.1:8500/v1/status/leader") == '"127.0.0.1:8300"'
    assert output(first, "consul", "kv", "put", "key", "值").startswith("Success!")
    address = first.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    first.stop(timeout=10)
    occupant = containers.start("looma/redis:7.0", 64)  # takes the address that has become free
    second = containers.start("looma/consul:1.8", 96, volumes={data.name: "/consul/data"})
    assert output(second, "consul", "kv", "get", "key") == "值"
    taken = [each.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for each in (occupant, second)]
    assert len({*taken}) == 2
    assert address not in taken[1:]
