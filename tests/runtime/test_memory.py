"""Free memory, read from files as Linux writes them."""

import pytest

from jaxvid.runtime import memory

GIB = 2**30


@pytest.fixture
def machine(tmp_path):
    """A root folder with 8 GiB of free memory and no cgroup."""
    meminfo = f"MemTotal: 16777216 kB\nMemAvailable:    {8 * 2**20} kB\n"
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(meminfo)
    return tmp_path


def limited(root, cgroup, folder, limit, used, cached, names):
    (root / "proc/self/cgroup").write_text(cgroup)
    at = root / "sys/fs/cgroup" / folder
    at.mkdir(parents=True, exist_ok=True)
    most, taken, files = names
    (at / most).write_text(f"{limit}\n")
    (at / taken).write_text(f"{used}\n")
    (at / "memory.stat").write_text(f"anon 1\n{files} {cached}\n")


V1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
V2 = "memory.max", "memory.current", "inactive_file"


def test_without_a_cgroup_all_that_is_available_is_free(machine):
    assert memory.of_host(machine) == 8 * GIB


@pytest.mark.parametrize(
    ("cgroup", "folder", "names"),
    [
        ("0::/a/b\n", "a/b", V2),
        ("0::/a/b\n", "a", V2),  # the limit of the group above
        ("0::/of/the/host\n", "", V2),  # in a container
        ("9:memory:/a\n0::/\n", "memory/a", V1),
    ],
)
def test_a_cgroup_limits_what_is_free(machine, cgroup, folder, names):
    limited(machine, cgroup, folder, 5 * GIB, 3 * GIB, GIB, names)
    assert memory.of_host(machine) == 3 * GIB  # files in the page cache make room
    limited(machine, cgroup, folder, 50 * GIB, 3 * GIB, 0, names)
    assert memory.of_host(machine) == 8 * GIB
    limited(machine, cgroup, folder, 2 * GIB, 3 * GIB, 0, names)
    assert memory.of_host(machine) == 0


def test_a_cgroup_may_be_without_a_limit(machine):
    limited(machine, "0::/a\n", "a", "max", 3 * GIB, 0, V2)
    assert memory.of_host(machine) == 8 * GIB


def test_cpus_have_no_memory_of_their_own():
    assert memory.of_devices() is None
