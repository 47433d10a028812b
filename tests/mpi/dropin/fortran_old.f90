! What mpif.h offers, called as an old program does. As many broadcasts as there are ranks.
subroutine old_interface(rank)
    implicit none
    include 'mpif.h'
    integer, parameter :: count = 50000
    integer, intent(in) :: rank
    integer :: ranks, root, error
    integer :: numbers(count)

    call MPI_COMM_SIZE(MPI_COMM_WORLD, ranks, error)
    do root = 0, ranks - 1
        numbers = -1
        if (rank == root) numbers = root
        call MPI_BCAST(numbers, count, MPI_INTEGER, root, MPI_COMM_WORLD, error)
        if (error /= MPI_SUCCESS .or. any(numbers /= root)) call MPI_ABORT(MPI_COMM_WORLD, 1, error)
    end do
end subroutine old_interface
