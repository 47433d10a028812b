! Broadcasts from Fortran, by the modern interface and by the old one. Run as it is and with the
! drop-in.
program fortran
    use mpi_f08
    implicit none
    integer, parameter :: count = 50000
    integer :: rank, ranks, root, i, turn
    integer :: numbers(count)
    type(MPI_Request) :: request
    external :: old_interface

    call MPI_Init()
    call MPI_Comm_rank(MPI_COMM_WORLD, rank)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks)
    do root = 0, ranks - 1
        numbers = -1
        if (rank == root) numbers = [(i + root, i = 1, count)]
        call MPI_Bcast(numbers, count, MPI_INTEGER, root, MPI_COMM_WORLD)
        if (any(numbers /= [(i + root, i = 1, count)])) call MPI_Abort(MPI_COMM_WORLD, 1)

        numbers = -1
        if (rank == root) numbers = [(2 * i + root, i = 1, count)]
        call MPI_Ibcast(numbers, count, MPI_INTEGER, root, MPI_COMM_WORLD, request)
        call MPI_Wait(request, MPI_STATUS_IGNORE)
        if (any(numbers /= [(2 * i + root, i = 1, count)])) call MPI_Abort(MPI_COMM_WORLD, 1)
    end do
    call MPI_Bcast_init(numbers, count, MPI_INTEGER, 0, MPI_COMM_WORLD, MPI_INFO_NULL, request)
    do turn = 1, 3
        numbers = -1
        if (rank == 0) numbers = turn
        call MPI_Start(request)
        call MPI_Wait(request, MPI_STATUS_IGNORE)
        if (any(numbers /= turn)) call MPI_Abort(MPI_COMM_WORLD, 1)
    end do
    call MPI_Request_free(request)
    call old_interface(rank)
    if (rank == 0) print '(a, 3i6)', 'expected: ', 2 * ranks, ranks, 3
    call MPI_Finalize()
end program fortran
