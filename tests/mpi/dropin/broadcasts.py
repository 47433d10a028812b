"""Broadcasts of mpi4py: pickled objects, numpy arrays, nonblocking, persistent, derived datatypes.

A correct program, to be run as it is and with the drop-in. Prints "ok" when everything arrived.
"""

import sys

import numpy
from mpi4py import MPI

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()


def content(count, seed):
    return numpy.random.default_rng(seed).random(count)


for root in range(size):
    # A pickled object: its length first, which is short, then its bytes.
    thing = {"array": content(30000, root), "text": "x" * 100000, "number": root}
    got = comm.bcast(thing if rank == root else None, root=root)
    assert (got["array"] == thing["array"]).all()
    assert got["text"] == thing["text"] and got["number"] == root

    # numpy arrays, in place.
    for count in (10, 8192, 100000, 1000000):
        array = content(count, count + root) if rank == root else numpy.zeros(count)
        comm.Bcast(array, root=root)
        assert (array == content(count, count + root)).all()

    # Nonblocking, several at once, completed in various ways.
    arrays = [content(50000 + i, i) if rank == root else numpy.zeros(50000 + i) for i in range(4)]
    requests = [comm.Ibcast(array, root=root) for array in arrays]
    if root % 2:
        MPI.Request.Waitall(requests)
    else:
        while not MPI.Request.Testall(requests):
            pass
    for i, array in enumerate(arrays):
        assert (array == content(50000 + i, i)).all()

    # A column of a matrix on the root, a row elsewhere.
    matrix = numpy.zeros((20000, 3))
    if rank == root:
        matrix[:, 1] = content(20000, 5)
        column = MPI.DOUBLE.Create_vector(20000, 1, 3).Commit()
        comm.Bcast([matrix.ravel()[1:], 1, column], root=root)
        column.Free()
    else:
        row = numpy.zeros(20000)
        comm.Bcast([row, 20000, MPI.DOUBLE], root=root)
        assert (row == content(20000, 5)).all()

# Persistent.
array = numpy.zeros(40000)
request = comm.Bcast_init(array, root=0)
for turn in range(10):
    array[:] = content(40000, turn) if rank == 0 else 0
    request.Start()
    request.Wait()
    assert (array == content(40000, turn)).all()
request.Free()

# On other communicators, made and freed.
for turn in range(20):
    part = comm.Split(rank % 2, rank)
    array = content(20000, turn) if part.Get_rank() == 0 else numpy.zeros(20000)
    part.Bcast(array, root=0)
    assert (array == content(20000, turn)).all()
    part.Free()

# An error comes as an exception.
try:
    comm.Bcast(numpy.zeros(20000), root=size)
except MPI.Exception as error:
    assert error.Get_error_class() == MPI.ERR_ROOT
else:
    sys.exit("no exception for a root that does not exist")

print("ok", rank)
