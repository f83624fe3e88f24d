"""What ``kubectl apply -k deploy/kubernetes/overlays/...`` would create."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from connector.settings.loading import load_settings
from tests.project.kustomize import MANIFESTS, Object, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector.settings.schema import Settings

OVERLAYS = ("overlays/sidecar", "overlays/ingress")
PROJECT = MANIFESTS.parents[1]
GATEWAY = {"ucp-connector": "gateway"}


def objects_of(overlay: str, kind: str) -> list[Object]:
    return [item for item in render(MANIFESTS / overlay) if item["kind"] == kind]


def one(overlay: str, kind: str) -> Object:
    (item,) = objects_of(overlay, kind)
    return item


def pod_of(overlay: str) -> Object:
    template: Object = one(overlay, "Deployment")["spec"]["template"]
    return template


def container_of(overlay: str, name: str = "ucp-connector") -> Object:
    (found,) = [one for one in pod_of(overlay)["spec"]["containers"] if one["name"] == name]
    container: Object = found
    return container


def settings_of(overlay: str) -> Settings:
    """As the gateway itself reads the file that the ConfigMap is made from."""
    return load_settings(MANIFESTS / overlay / "connector.yaml", {})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_the_pods(overlay: str) -> None:
    labels = pod_of(overlay)["metadata"]["labels"].items()
    selectors = [one(overlay, "Service")["spec"]["selector"]]
    selectors += [
        item["spec"]["selector"]["matchLabels"]
        for kind in ("Deployment", "PodDisruptionBudget")
        for item in objects_of(overlay, kind)
    ]
    selectors += [
        item["spec"]["podSelector"]["matchLabels"] for item in objects_of(overlay, "NetworkPolicy")
    ]
    assert [selector for selector in selectors if not selector.items() <= labels] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_named_reference_resolves(overlay: str) -> None:
    existing = {(item["kind"], item["metadata"]["name"]) for item in render(MANIFESTS / overlay)}
    assert set(_references(overlay)) - existing == set()


def _references(overlay: str) -> Iterator[tuple[str, str]]:
    pod = pod_of(overlay)["spec"]
    yield "ServiceAccount", pod["serviceAccountName"]
    for volume in pod["volumes"]:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    for ingress in objects_of(overlay, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield "Service", path["backend"]["service"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_mount_has_its_volume(overlay: str) -> None:
    volumes = {volume["name"] for volume in pod_of(overlay)["spec"]["volumes"]}
    mounts = {mount["name"] for mount in container_of(overlay)["volumeMounts"]}
    assert mounts == volumes


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_and_probes_are_those_of_the_configuration(overlay: str) -> None:
    settings, container = settings_of(overlay), container_of(overlay)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.listen.port, "admin": settings.admin.port}
    assert one(overlay, "Service")["spec"]["ports"][0]["targetPort"] == "http"
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in PROBED}
    assert probes == {name: {"path": path, "port": "admin"} for name, path in PROBED.items()}


PROBED = {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_kubelet_and_the_service_reach_the_listeners(overlay: str) -> None:
    settings = settings_of(overlay)
    hosts = {settings.listen.host, settings.admin.host}
    assert hosts == {"0.0.0.0"}  # noqa: S104  # the pod's own addresses; policies guard them


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_admin_port_is_open_to_monitoring_alone(overlay: str) -> None:
    port = settings_of(overlay).admin.port
    rules = [
        rule
        for policy in objects_of(overlay, "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if port in [entry["port"] for entry in rule.get("ports", [{"port": port}])]
    ]
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    assert [rule.get("from") for rule in rules] == [[{"namespaceSelector": monitoring}]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_container_may_do_nothing_it_does_not_need(overlay: str) -> None:
    context = container_of(overlay)["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod_of(overlay)["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_container_asks_for_what_it_uses(overlay: str) -> None:
    resources = container_of(overlay)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_that_is_written_lies_on_the_state_volume(overlay: str) -> None:
    settings, container = settings_of(overlay), container_of(overlay)
    (state,) = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    written = [
        settings.store.directory,
        settings.audit.directory,
        settings.audit.keys,
        settings.signing.keys,
    ]
    assert [path for path in written if not path.is_relative_to(state["mountPath"])] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_grace_period_outlasts_the_drain(overlay: str) -> None:
    pause = container_of(overlay)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod_of(overlay)["spec"]["terminationGracePeriodSeconds"]
    assert grace > pause + longest_drain(overlay)


def longest_drain(overlay: str) -> float:
    """Seconds that a request may still run for after it was received."""
    upstreams = [merchant.upstream for merchant in settings_of(overlay).merchants]
    return max(each.connect_timeout + each.response_timeout for each in upstreams)


def test_the_merchant_beside_the_gateway_outlives_its_drain() -> None:
    overlay = "overlays/sidecar"
    pauses = {
        name: container_of(overlay, name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        for name in ("ucp-connector", "merchant")
    }
    assert pauses["merchant"] > pauses["ucp-connector"] + longest_drain(overlay)
    assert pod_of(overlay)["spec"]["terminationGracePeriodSeconds"] > pauses["merchant"]


def test_the_sidecar_forwards_to_where_its_merchant_listens() -> None:
    overlay = "overlays/sidecar"
    (listen,) = container_of(overlay, "merchant")["env"]
    (merchant,) = settings_of(overlay).merchants
    assert merchant.upstream.url == f"http://{listen['value']}"
    assert listen["value"].startswith("127.0.0.1:")


def test_one_disk_is_held_by_one_pod() -> None:
    deployment = one("overlays/sidecar", "Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")


def test_replicas_share_a_store() -> None:
    overlay = "overlays/ingress"
    assert one(overlay, "Deployment")["spec"]["replicas"] > 1
    assert settings_of(overlay).store.url.get_secret_value() != "embedded:"


def test_the_ingress_routes_hosts_and_paths_that_the_gateway_serves() -> None:
    overlay = "overlays/ingress"
    ingress = one(overlay, "Ingress")["spec"]
    (merchant,) = settings_of(overlay).merchants
    assert [rule["host"] for rule in ingress["rules"]] == list(merchant.authorities)
    assert ingress["tls"][0]["hosts"] == list(merchant.authorities)
    (rule,) = ingress["rules"]
    paths = {path["path"] for path in rule["http"]["paths"]}
    assert paths == {merchant.endpoints.rest, merchant.endpoints.mcp, "/.well-known/ucp"}


def test_the_stand_alone_gateway_reaches_its_merchant_and_its_store() -> None:
    policies = objects_of("overlays/ingress", "NetworkPolicy")
    ports = {
        port["port"]
        for policy in policies
        for rule in policy["spec"].get("egress", [])
        for port in rule["ports"]
    }
    assert ports == {53, 443, 8182, 6379}


def test_the_merchants_side_admits_the_gateway_of_the_ingress_overlay() -> None:
    (policy,) = render(MANIFESTS / "overlays" / "merchant")
    ((rule,),) = [policy["spec"]["ingress"]]
    ((peer,),) = [rule["from"]]
    gateway = one("overlays/ingress", "Deployment")
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert namespace == gateway["metadata"]["namespace"]
    assert peer["podSelector"]["matchLabels"] == GATEWAY


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_image_is_of_this_version(overlay: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert container_of(overlay)["image"] == f"ucp-connector:{project['version']}"
