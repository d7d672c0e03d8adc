"""Malformed and hostile files of Keras and Flax are one line each, soon, and open nothing else."""

import json
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import msgpack
import numpy as np
import pytest
from flax import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights import list_layers, open_checkpoint

KERNEL = np.random.default_rng(0).standard_normal((20, 12)).astype(np.float32)


def refused(file: Path, message: str = "net") -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError, match=message) as caught:
        list_layers(open_checkpoint(file))
    assert time.process_time() - start < 1
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def hdf5(file: Path) -> h5py.File:
    """A file with one kernel, to be spoiled."""
    made = h5py.File(file, "w")
    made["fc/fc/kernel:0"] = KERNEL
    return made


@pytest.mark.parametrize("name", ["net.h5", "net.keras", "net.weights.h5", "net.msgpack"])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000), b"PK\x03\x04" + bytes(50)])
def test_noise_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name)


@pytest.mark.parametrize("name", ["net.h5", "net.keras", "net.msgpack"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.floats(0, 0.999), at=st.floats(0, 0.999), byte=st.integers(0, 255))
def test_a_damaged_file_is_refused_or_read_within_its_bounds(tmp_path, name, cut, at, byte):
    if name == "net.msgpack":
        whole = serialization.to_bytes({"fc": {"kernel": KERNEL}})
    else:
        hdf5(tmp_path / "whole.h5").close()
        whole = (tmp_path / "whole.h5").read_bytes()
    if name == "net.keras":
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", whole)
        whole = (tmp_path / name).read_bytes()
    changed = bytes([*whole[: (i := int(len(whole) * at))], byte, *whole[i + 1 :]])
    for content in (whole[: int(len(whole) * cut)], changed):
        (tmp_path / name).write_bytes(content)
        with suppress(CheckpointError), open_checkpoint(tmp_path / name) as checkpoint:
            list_layers(checkpoint)
            for tensor in checkpoint.tensors:
                checkpoint.read(tensor)


def test_links_out_of_an_hdf5_file_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["kernel"] = KERNEL
    for link in (h5py.ExternalLink("secret.h5", "/kernel"), h5py.SoftLink("/fc/fc/kernel:0")):
        with hdf5(tmp_path / "net.h5") as file:
            file["other"] = link
        refused(tmp_path / "net.h5", "other is a link to elsewhere")


def test_arrays_that_are_kept_in_other_files_are_not_opened(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(960))
    with hdf5(tmp_path / "outside.h5") as file:
        file.create_dataset(
            "kernel", (20, 12), "f4", external=[(str(tmp_path / "secret.bin"), 0, 960)]
        )
    refused(tmp_path / "outside.h5", "kept in another file")
    with hdf5(tmp_path / "virtual.h5") as file:
        layout = h5py.VirtualLayout((20, 12), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "outside.h5", "fc/fc/kernel:0", (20, 12))
        file.create_virtual_dataset("kernel", layout)
    refused(tmp_path / "virtual.h5", "kept in another file")


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (10**6, 10**6), "chunks": (1000, 1000)},
        {"shape": (10**6, 10**6), "chunks": (1000, 1000), "compression": "gzip"},
        {"shape": (10**12,), "chunks": (10**6,), "fillvalue": 1.0},
        {"shape": (1000, 1000)},
    ],
)
def test_arrays_that_claim_more_than_the_file_holds_are_refused(tmp_path, options):
    with hdf5(tmp_path / "net.h5") as file:
        file.create_dataset("kernel", dtype="f4", **options)
    refused(tmp_path / "net.h5", "claims")


def test_zeros_that_are_compressed_a_thousandfold_are_refused(tmp_path):
    with hdf5(tmp_path / "net.h5") as file:
        file.create_dataset("kernel", data=np.zeros((4000, 4000)), compression="gzip")
    refused(tmp_path / "net.h5", "claims")


def test_groups_in_a_circle_end(tmp_path):
    with hdf5(tmp_path / "net.h5") as file:
        file["fc/again"] = file["fc"]
        file["fc/fc/top"] = file["/"]
    with open_checkpoint(tmp_path / "net.h5") as checkpoint:
        assert [spec.shape for spec in list_layers(checkpoint)] == [(20, 12)]


def test_an_array_under_two_names_counts_once(tmp_path):
    with hdf5(tmp_path / "net.h5") as file:
        file["tied/tied/kernel:0"] = file["fc/fc/kernel:0"]
    with open_checkpoint(tmp_path / "net.h5") as checkpoint:
        assert len(checkpoint.tensors) == 2
        assert len(list_layers(checkpoint)) == 1


def test_groups_nested_without_end_are_refused(tmp_path):
    with hdf5(tmp_path / "net.h5") as file:
        file.create_group("/".join("a" * 3000))
    refused(tmp_path / "net.h5", "nested")


def test_an_archive_that_unpacks_to_more_than_its_size_allows_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(10**8))
    refused(tmp_path / "net.keras", "claims 100000000 bytes")


def test_an_archive_without_weights_says_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    refused(tmp_path / "net.keras", r"without model\.weights\.h5")


@pytest.mark.parametrize("config", ["[" * 10**5, "{", "[1]", json.dumps({"config": 3}), "\0"])
def test_a_configuration_that_is_odd_costs_what_it_would_have_said(tmp_path, config):
    hdf5(tmp_path / "whole.h5").close()
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.write(tmp_path / "whole.h5", "model.weights.h5")
    with open_checkpoint(tmp_path / "net.keras") as checkpoint:
        assert [spec.layer for spec in list_layers(checkpoint)] == ["fc"]


def array(shape: object, dtype: object, raw: object) -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb((shape, dtype, raw)))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (array([10**12], "float32", bytes(8)), "does not fit its 8 bytes"),
        (array([2**40, 2**40], "float32", bytes(8)), "does not fit its 8 bytes"),
        (array([-1, -2], "float32", bytes(8)), "does not fit its 8 bytes"),
        (array([2], "float33", bytes(8)), "unknown type"),
        (array([2], "object", bytes(8)), "unknown type"),
        (array("ab", "float32", bytes(8)), "malformed array"),
        (array([2.0], "float32", bytes(8)), "malformed array"),
        (array([2], "float32", 7), "malformed array"),
        (msgpack.ExtType(1, b"\xdd\xff\xff\xff\xff"), "malformed array"),
        ({"__msgpack_chunked_array__": (), "shape": {"0": 9}, "chunks": {}}, "in pieces"),
        ({"__msgpack_chunked_array__": (), "shape": {"0": 9}, "chunks": {"0": 1}}, "pieces"),
        ({"__msgpack_chunked_array__": ()}, "in pieces"),
    ],
)
def test_arrays_that_are_not_what_they_say_are_refused(tmp_path, tree, message):
    (tmp_path / "net.msgpack").write_bytes(msgpack.packb({"fc": {"kernel": tree}}))
    refused(tmp_path / "net.msgpack", message)


@pytest.mark.parametrize(
    "content",
    [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x81\xa1a" * 10**5, b"\x91" * 10**6],
)
def test_lengths_and_depths_without_end_are_refused(tmp_path, content):
    (tmp_path / "net.msgpack").write_bytes(content)
    refused(tmp_path / "net.msgpack", "not a msgpack file of Flax")


def test_two_arrays_of_one_name_are_refused(tmp_path):
    tree = {"a": {"b": KERNEL}, "a.b": KERNEL}
    (tmp_path / "net.msgpack").write_bytes(serialization.msgpack_serialize(tree))
    refused(tmp_path / "net.msgpack", "two tensors are called a.b")


def test_a_checkpoint_of_orbax_is_named_as_such(tmp_path):
    for name in ("_METADATA", "manifest.ocdbt"):
        (tmp_path / name).write_bytes(b"{}")
    refused(tmp_path, "Orbax")
