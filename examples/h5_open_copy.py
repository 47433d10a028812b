#!/usr/bin/env python3
"""Opens what `splitcast h5 extract` has put on this node, with h5py; no MPI is needed for that.

    mpirun -n 4 --map-by node splitcast h5 extract /shared/data.h5:/state /tmp/state.h5
    ./h5_open_copy.py /tmp/state.h5

A file in /dev/shm is in memory, once for all processes of the node that open it.
"""

import sys

import h5py


def show(path, one):
    if not isinstance(one, h5py.Dataset):
        return
    attributes = ", ".join(f"{name} = {one.attrs[name]!r}" for name in one.attrs)
    first = one[(0,) * one.ndim] if one.size else "nothing"
    print(f"/{path}: {one.dtype} {one.shape}, first {first}; {one.compression or 'not compressed'}; {attributes}")


if len(sys.argv) != 2:
    sys.exit("usage: h5_open_copy.py FILE")
with h5py.File(sys.argv[1], "r") as file:
    file.visititems(show)
