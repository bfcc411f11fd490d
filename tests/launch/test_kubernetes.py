"""What can be said of the manifests without a cluster."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from statuses import runs_again

from jaxvid.cli import flags

LAUNCH = Path(__file__).parents[2] / "launch"
MANIFESTS = sorted(LAUNCH.glob("*.yaml"))
KUBERNETES = "1.33"  # the oldest that the manifests are for


def resources(name: str) -> dict[str, dict[str, Any]]:
    """Returns what a manifest describes, by kind."""
    found = list(yaml.safe_load_all((LAUNCH / f"kubernetes_{name}.yaml").read_text()))
    assert len({resource["kind"] for resource in found}) == len(found)
    return {resource["kind"]: resource for resource in found}


def container(job: dict[str, Any]) -> dict[str, Any]:
    (only,) = job["spec"]["template"]["spec"]["containers"]
    return only


def environment(job: dict[str, Any]) -> dict[str, str]:
    """Returns the container's variables; those of the downward interface by the field's path."""
    return {
        entry["name"]: entry["value"] if "value" in entry else _field(entry["valueFrom"])
        for entry in container(job)["env"]
    }


def _field(source: dict[str, Any]) -> str:
    return source["fieldRef"]["fieldPath"]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.name)
def test_manifests_follow_the_schema(manifest):
    found = list(yaml.safe_load_all(manifest.read_text()))
    for resource in found:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    wrong = copy.deepcopy(found[-1])
    wrong["spec"]["complections"] = 4
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_the_pods_of_a_training_find_each_other():
    found = resources("train")
    service, job = found["Service"], found["Job"]
    name, spec = job["metadata"]["name"], job["spec"]
    variables = environment(job)
    (port,) = service["spec"]["ports"]
    # The host name of an indexed job's pod, and the domain that the headless Service gives it.
    domain = spec["template"]["spec"]["subdomain"]
    assert variables["JAX_COORDINATOR_ADDRESS"] == f"{name}-0.{domain}:{port['port']}"
    assert domain == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(variables["JAX_NUM_PROCESSES"])
    index = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    assert variables["JAX_PROCESS_ID"] == index
    assert container(job)["args"][0] == "--distributed"


def test_pods_are_started_again_as_the_exit_statuses_say():
    for name, in_consequence in (("train", {75, 143}), ("prepare", set())):
        spec = resources(name)["Job"]["spec"]
        rules = spec["podFailurePolicy"]["rules"]
        statuses = {
            status: rule["action"]
            for rule in rules
            for status in rule.get("onExitCodes", {}).get("values", [])
        }
        ignored = {status for status, action in statuses.items() if action == "Ignore"}
        assert ignored == in_consequence
        assert all(map(runs_again, ignored))
        assert [status for status, action in statuses.items() if action == "FailJob"] == [2]
        assert {"type": "DisruptionTarget", "status": "True"} in [
            condition for rule in rules for condition in rule.get("onPodConditions", [])
        ]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["podReplacementPolicy"] == "Failed"


@pytest.mark.parametrize("name", ["train", "prepare"])
def test_pods_share_the_disk_and_run_the_images_user(name):
    (claim,) = resources("disk").values()
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    job = resources(name)["Job"]
    pod = job["spec"]["template"]["spec"]
    claims = [volume.get("persistentVolumeClaim", {}) for volume in pod["volumes"]]
    assert {"claimName": claim["metadata"]["name"]} in claims
    mounts = [mount["mountPath"] for mount in container(job)["volumeMounts"]]
    folders = [a.partition("=")[2] for a in container(job)["args"] if "=/" in a]
    assert len(folders) >= 2
    assert all(folder.startswith("/data/") for folder in folders)
    assert "/data" in mounts
    user = re.findall(r"^USER (\d+):(\d+)$", (LAUNCH / "Dockerfile").read_text(), re.M)[-1]
    security = pod["securityContext"]
    assert (str(security["runAsUser"]), str(security["runAsGroup"])) == user
    assert security["runAsUser"] != 0
    assert security["runAsNonRoot"]


def test_the_pods_of_a_preparation_take_a_part_each(stand_in, tmp_path):
    job = resources("prepare")["Job"]
    stand_in("python", '#!/bin/sh\nfor word; do echo "$word"; done\n')
    parts = int(environment(job)["PARTS"])
    assert parts == job["spec"]["completions"]
    called = [*container(job)["command"], *container(job)["args"]]
    shards = []
    for index in range(parts):
        words = subprocess.run(
            ["env", f"PARTS={parts}", f"JOB_COMPLETION_INDEX={index}", *called],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert words[:2] == ["-m", "jaxvid.main"]
        parsed = flags.parse([*words[2:]])
        assert parsed.mode == "prepare"
        shards.append(parsed.config.data.part)
    assert shards == [f"{number}/8" for number in range(1, 9)]
