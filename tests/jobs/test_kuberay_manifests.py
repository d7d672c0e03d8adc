"""The manifests of `jobs/cluster/` say nothing that KubeRay does not know."""

from typing import Any

import kubernetes_validate
import pytest

from tests.jobs.clusters import KUBERAY, options_of, pods, ray_cluster, ray_job
from zoo_analysis.cli.options import size

#: Fields of KubeRay 1.7.0's custom resources (docs/reference/api.md at its tag v1.7.0).
RAY_CRON_JOB = {"jobTemplate", "schedule", "timeZone", "suspend"}
RAY_JOB = {
    "activeDeadlineSeconds",
    "backoffLimit",
    "rayClusterSpec",
    "submitterPodTemplate",
    "metadata",
    "clusterSelector",
    "submitterConfig",
    "managedBy",
    "deletionStrategy",
    "entrypoint",
    "runtimeEnvYAML",
    "jobId",
    "submissionMode",
    "entrypointResources",
    "entrypointNumCpus",
    "entrypointNumGpus",
    "ttlSecondsAfterFinished",
    "preRunningDeadlineSeconds",
    "shutdownAfterJobFinishes",
    "suspend",
}
RAY_CLUSTER = {
    "upgradeStrategy",
    "authOptions",
    "suspend",
    "managedBy",
    "autoscalerOptions",
    "headServiceAnnotations",
    "enableInTreeAutoscaling",
    "gcsFaultToleranceOptions",
    "historyServerOptions",
    "networkPolicy",
    "tlsOptions",
    "headGroupSpec",
    "rayVersion",
    "workerGroupSpecs",
}
AUTH = {"enableK8sTokenAuth", "secretName", "mode"}
AUTOSCALER = {
    "resources",
    "image",
    "imagePullPolicy",
    "securityContext",
    "idleTimeoutSeconds",
    "upscalingMode",
    "version",
    "env",
    "envFrom",
    "volumeMounts",
    "command",
    "args",
}
HEAD_GROUP = {
    "template",
    "headService",
    "enableIngress",
    "ingressOptions",
    "resources",
    "labels",
    "rayStartParams",
    "serviceType",
}
WORKER_GROUP = {
    "suspend",
    "groupName",
    "replicas",
    "minReplicas",
    "maxReplicas",
    "idleTimeoutSeconds",
    "priority",
    "resources",
    "labels",
    "rayStartParams",
    "template",
    "scaleStrategy",
    "numOfHosts",
}
each = pytest.mark.parametrize("name", list(KUBERAY))


@each
def test_every_field_is_one_of_the_resources(name: str) -> None:
    manifest, job, cluster = KUBERAY[name], ray_job(name), ray_cluster(name)
    assert manifest["apiVersion"] == "ray.io/v1"
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert (
        set(manifest["spec"]) <= {"RayJob": RAY_JOB, "RayCronJob": RAY_CRON_JOB}[manifest["kind"]]
    )
    assert set(job) <= RAY_JOB
    assert set(cluster) <= RAY_CLUSTER
    assert set(cluster["authOptions"]) <= AUTH
    assert set(cluster["autoscalerOptions"]) <= AUTOSCALER
    assert set(cluster["headGroupSpec"]) <= HEAD_GROUP
    for group in cluster["workerGroupSpecs"]:
        assert set(group) <= WORKER_GROUP
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


@each
def test_every_pod_is_one_of_kubernetes(name: str) -> None:
    for pod in pods(name):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod},
            kubernetes_validate.latest_version(),
            strict=True,
        )


def test_a_cluster_of_a_job_goes_with_it() -> None:
    for name in KUBERAY:
        assert ray_job(name)["shutdownAfterJobFinishes"] is True
        # KubeRay: a time to live asks for a shutdown.
        assert ray_job(name)["ttlSecondsAfterFinished"] > 0


def test_a_nights_look_is_over_before_the_next() -> None:
    spec = KUBERAY["kuberay-track"]["spec"]
    minute, hour, *days = spec["schedule"].split()
    assert (int(minute) < 60, int(hour) < 24, days) == (True, True, ["*", "*", "*"])
    assert spec["jobTemplate"]["activeDeadlineSeconds"] < 24 * 3600


@each
def test_the_entrypoint_is_a_command_of_zoo(name: str) -> None:
    assert options_of(ray_job(name)["entrypoint"])


@each
def test_tokens_come_from_secrets(name: str) -> None:
    assert ray_cluster(name)["authOptions"] == {"mode": "token", "secretName": "zoo-ray-token"}
    head, *workers = (environment(pod) for pod in pods(name))
    assert "value" not in head["HF_TOKEN"]
    assert head["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "zoo-hub-token"
    assert all("HF_TOKEN" not in worker for worker in workers)


@each
def test_all_pods_have_the_same_store_and_a_cache_that_fits(name: str) -> None:
    found = [environment(pod) for pod in pods(name)]
    assert len({pod["ZOO_STORE"]["value"] for pod in found}) == 1
    for pod, variables in zip(pods(name), found, strict=True):
        (container,) = pod["containers"]
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        assert mounted == {volume["name"] for volume in pod.get("volumes", ())}
        for volume in pod.get("volumes", ()):
            if room := volume.get("emptyDir", {}).get("sizeLimit"):
                gibibytes = int(room.removesuffix("Gi"))
                assert size(variables["ZOO_CACHE_SIZE"]["value"]) < gibibytes << 30


@each
def test_a_pod_gets_what_it_asks_for(name: str) -> None:
    # Ray counts the limits, Kubernetes places by the requests.
    for pod in pods(name):
        resources = pod["containers"][0]["resources"]
        assert resources["limits"] == resources["requests"]
        assert ("nvidia.com/gpu" in resources["limits"]) == (
            "gpu" in pod["nodeSelector"]["zoo-analysis/pool"]
        )


def environment(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a pod's container by name, each there once."""
    (container,) = pod["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert len(names) == len(set(names))
    return {variable["name"]: variable for variable in container["env"]}
