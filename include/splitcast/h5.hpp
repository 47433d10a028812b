#pragma once

#include "splitcast/error.hpp"
#include "splitcast/splitcast.hpp"

#include <mpi.h>

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

/// HDF5 datasets to every rank, or once to every node. Link splitcast::h5.
///
/// One rank, the reader, opens the file; nobody else touches it. What is stored in chunks travels
/// as it is stored, compressed, and is decoded where it arrives, while more is on its way.
///
/// Everything here is collective over the team, and the outcome is the same on every rank: an error
/// of HDF5 comes with its stack, from whichever rank had it. File, path and selection matter on the
/// reader only; `root` and `settings` must be the same everywhere.
///
/// HDF5 is called from a second thread while the calling one drives MPI, never from two at a time.
/// Where HDF5 is not built thread-safe, no other thread of the program may call it meanwhile.
namespace splitcast::h5 {

/// A hyperslab as H5Sselect_hyperslab takes it. `start` empty: everything. `stride` and `block`
/// may be empty: ones.
struct Selection {
    std::vector<hsize_t> start;
    std::vector<hsize_t> count;
    std::vector<hsize_t> stride;
    std::vector<hsize_t> block;
};

struct Options {
    int root = 0;                  ///< the reader's rank in the team
    std::string settings;          ///< of the broadcasts, "name=value,name=value"
    Selection selection;           ///< of a single dataset
    std::int64_t batch = 8 << 20;  ///< bytes on the wire at a time; twice that is the extra memory
    /// Type of the elements in memory, on this rank; kept open by the caller. Negative: the native
    /// type that corresponds to the dataset's.
    hid_t memory_type = H5I_INVALID_HID;
};

/// What was moved.
struct Traffic {
    std::int64_t logical_bytes = 0;   ///< of the elements, by the types that they have in the file
    std::int64_t stored_bytes = 0;    ///< of these in the file: of compressed chunks, as compressed
    std::int64_t wire_bytes = 0;      ///< handed to broadcasts: data, tables and descriptions
    std::int64_t bytes_received = 0;  ///< by this rank, from wherever
    int broadcasts = 0;
    double seconds = 0;  ///< from the call to its end, on this rank
};

/// A dataset, or a hyperslab of one, in memory. It must end before MPI_Finalize only if it is
/// shared by a node's ranks; it may outlive its team.
class Dataset {
public:
    Dataset(Dataset&&) noexcept;
    Dataset& operator=(Dataset&&) noexcept;
    ~Dataset();

    [[nodiscard]] const std::string& path() const;  ///< within the file
    /// Lengths of what was read: of a hyperslab, count * block. Empty for a scalar.
    [[nodiscard]] const std::vector<hsize_t>& dims() const;
    [[nodiscard]] std::int64_t elements() const;
    [[nodiscard]] std::int64_t bytes() const;  ///< in memory, less what elements point to
    [[nodiscard]] hid_t type() const;          ///< of the elements in memory; owned by this
    [[nodiscard]] const void* data() const;    ///< row by row; read-only memory if it is shared
    [[nodiscard]] bool shared() const;         ///< one copy for all ranks of this node

    /// The elements as T's: a number of the very type, or a structure of the same size.
    template <class T>
    [[nodiscard]] Result<std::span<const T>> values() const;

    /// The dataset as an object of HDF5, with its type, shape and attributes but without its
    /// elements: for H5Aopen and the like. Owned by this.
    [[nodiscard]] hid_t object() const;

    /// An attribute that is a text.
    [[nodiscard]] Result<std::string> text_attribute(const std::string& name) const;
    /// An attribute that is a number.
    [[nodiscard]] Result<double> number_attribute(const std::string& name) const;

    [[nodiscard]] const Traffic& traffic() const;

    class Impl;
    explicit Dataset(std::unique_ptr<Impl> impl);

private:
    [[nodiscard]] Result<void> check_type(hid_t native, std::size_t size) const;
    std::unique_ptr<Impl> impl_;
};

/// A dataset into memory of every rank.
Result<Dataset> read(Team& team, const std::string& file, const std::string& path,
                     const Options& options = {});

/// The same into memory of the caller, which must have room for exactly the elements selected, of
/// options.memory_type. What elements of variable length point to is the caller's to free
/// (H5Treclaim).
Result<Traffic> read_into(Team& team, const std::string& file, const std::string& path,
                          void* buffer, std::int64_t bytes, const Options& options);

/// All datasets below a group of the file, or the one that `path` names.
struct Group {
    std::vector<Dataset> datasets;      ///< in the order of their paths
    std::vector<std::string> left_out;  ///< what cannot be moved, and why
    Traffic traffic;
};
Result<Group> read_group(Team& team, const std::string& file, const std::string& path,
                         const Options& options = {});

/// Which ranks of a team share memory; made once, for as many datasets as you like. Collective to
/// make and to free. The
/// team must stay where it is, and outlive this.
class Nodes {
public:
    /// `root` is the rank that will read.
    static Result<Nodes> create(Team& team, int root = 0, Settings settings = {});
    Nodes(Nodes&&) noexcept;
    Nodes& operator=(Nodes&&) noexcept;
    ~Nodes();

    [[nodiscard]] int count() const;         ///< nodes
    [[nodiscard]] int rank_on_node() const;  ///< this rank's, among those of its node

    class Impl;
    [[nodiscard]] Impl& impl() const { return *impl_; }  ///< for splitcast's own layers

private:
    explicit Nodes(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A dataset into memory that all ranks of a node share: one copy per node, which nobody can write
/// to. Only one rank of each node takes part in the broadcast. Elements of variable length cannot
/// be shared. Freeing a Dataset is local; the memory goes when all ranks of the node have.
/// `options.root` is ignored: the nodes have theirs.
Result<Dataset> share(Nodes& nodes, const std::string& file, const std::string& path,
                      const Options& options = {});

/// One object as inspect() tells of it.
struct Overview {
    std::string path;
    std::string type;
    std::vector<hsize_t> dims;
    std::string filters;  ///< "shuffle, deflate(6)"
    std::string travels;  ///< how it would: "stored chunks", "elements", ...
    std::int64_t chunks = 0;
    std::int64_t logical_bytes = 0;
    std::int64_t stored_bytes = 0;
};
struct Inspection {
    std::vector<Overview> datasets;
    std::vector<std::string> left_out;
    std::int64_t description_bytes = 0;  ///< types, shapes, attributes, small datasets
};

/// What would move. No data does.
Result<Inspection> inspect(Team& team, const std::string& file, const std::string& path,
                           const Options& options = {});

struct ExtractOptions {
    int root = 0;
    std::string settings;
    std::int64_t batch = 8 << 20;
    bool force = false;   ///< replace a destination that exists; else it is an error
    bool verify = false;  ///< read every copy again and compare it with the file
};
struct Extraction {
    int copies = 0;
    std::int64_t datasets = 0;
    std::vector<std::string> left_out;
    Traffic traffic;
};

/// A dataset or group into a new HDF5 file on every node, or for every rank: `destination` is as
/// that of copy_file(), with %h, %r and %j. Objects keep their paths. Chunks are written as they
/// are stored; nothing is decoded. All copies appear, or none does.
Result<Extraction> extract(Team& team, const std::string& file, const std::string& path,
                           const std::string& destination, const ExtractOptions& options = {});

/// Compares `path` in `file`, which the reader opens, with the same path in `copy` on every node,
/// or rank: types, shapes, elements and attributes, by digest. An error (Status::integrity) that
/// names the first difference, if there is one. Only digests are sent.
Result<Extraction> verify(Team& team, const std::string& file, const std::string& path,
                          const std::string& copy, const ExtractOptions& options = {});

/// HDF5's native type for a number.
template <class T>
[[nodiscard]] hid_t native_type() {
    if constexpr (std::is_same_v<T, float>) {
        return H5T_NATIVE_FLOAT;
    } else if constexpr (std::is_same_v<T, double>) {
        return H5T_NATIVE_DOUBLE;
    } else if constexpr (std::is_same_v<T, long double>) {
        return H5T_NATIVE_LDOUBLE;
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        return sizeof(T) == 1   ? H5T_NATIVE_INT8
               : sizeof(T) == 2 ? H5T_NATIVE_INT16
               : sizeof(T) == 4 ? H5T_NATIVE_INT32
                                : H5T_NATIVE_INT64;
    } else if constexpr (std::is_integral_v<T>) {
        return sizeof(T) == 1   ? H5T_NATIVE_UINT8
               : sizeof(T) == 2 ? H5T_NATIVE_UINT16
               : sizeof(T) == 4 ? H5T_NATIVE_UINT32
                                : H5T_NATIVE_UINT64;
    } else {
        return H5I_INVALID_HID;
    }
}

template <class T>
Result<std::span<const T>> Dataset::values() const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (auto fits = check_type(native_type<T>(), sizeof(T)); !fits) return fits.error();
    return std::span<const T>(static_cast<const T*>(data()), static_cast<std::size_t>(elements()));
}

}  // namespace splitcast::h5
