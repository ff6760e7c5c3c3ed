// The collectives of an MPI, timed as `softpod bench collectives` times its own: from a barrier over a loop without barriers, as the slowest
// member's mean; the median of batches. One line a row: operation, bytes, microseconds. Sizes are those of nccl-tests: the block of one member
// for broadcast and allreduce, the whole buffer of all blocks for allgather, reducescatter and alltoall. Sums of float32.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { batches = 15 };

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void call(int operation, const float *source, float *destination, int count, int block) {
    const MPI_Comm world = MPI_COMM_WORLD;
    switch (operation) {
    case 0: MPI_Barrier(world); break;
    case 1: MPI_Bcast(destination, count, MPI_FLOAT, 0, world); break;
    case 2: MPI_Allreduce(source, destination, count, MPI_FLOAT, MPI_SUM, world); break;
    case 3: MPI_Allgather(source, block, MPI_FLOAT, destination, block, MPI_FLOAT, world); break;
    case 4: MPI_Reduce_scatter_block(source, destination, block, MPI_FLOAT, MPI_SUM, world); break;
    case 5: MPI_Alltoall(source, block, MPI_FLOAT, destination, block, MPI_FLOAT, world); break;
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"barrier", "broadcast", "allreduce", "allgather", "reducescatter", "alltoall"};
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int operation = 0; operation < 6; operation++) {
        for (int at = operation ? 1 : argc - 1; at < argc; at++) {
            const long bytes = operation ? strtol(argv[at], NULL, 10) : 0;
            const int count = (int)(bytes / 4), block = count / size > 0 ? count / size : 1;
            const size_t elements = (size_t)(count > block * size ? count : block * size) + 1;
            float *source = calloc(elements, 4), *destination = calloc(elements, 4);
            if (!source || !destination) MPI_Abort(MPI_COMM_WORLD, 70);
            const int calls = bytes > 65536 ? 8 : 50;
            double times[batches];
            for (int batch = -1; batch < batches; batch++) {  // The first touches the pages.
                MPI_Barrier(MPI_COMM_WORLD);
                const double start = MPI_Wtime();
                for (int turn = 0; turn < calls; turn++) call(operation, source, destination, count, block);
                double mine = (MPI_Wtime() - start) / calls, slowest;
                MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
                if (batch >= 0) times[batch] = slowest;
            }
            qsort(times, batches, sizeof *times, ascending);
            if (rank == 0) printf("%s %ld %.3f\n", names[operation], bytes, times[batches / 2] * 1e6);
            free(source), free(destination);
        }
    }
    return MPI_Finalize();
}
