// Makes an HDF5 file such as a simulation reads at its start: a large table, a compressed field,
// particles as records, names, attributes, groups. The same seed gives the same data.
//
//   make_dataset FILE [MEBIBYTES [SEED]]

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// An HDF5 handle, closed at the end. Every call of HDF5 that makes one is checked by making one of
/// these.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {
        if (id < 0) throw std::runtime_error("HDF5 failed; its own words are above");
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { close_(id_); }
    // NOLINTNEXTLINE(google-explicit-constructor): HDF5's functions take it as they take an hid_t
    operator hid_t() const { return id_; }

private:
    hid_t id_;
    herr_t (*close_)(hid_t);
};

void check(herr_t code) {
    if (code < 0) throw std::runtime_error("HDF5 failed; its own words are above");
}

/// splitmix64
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
    std::uint64_t state_;
};

Handle space(std::vector<hsize_t> sizes) {
    return {H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose};
}

Handle dataset(hid_t where, const char* name, hid_t type, hid_t shape,
               hid_t properties = H5P_DEFAULT) {
    return {H5Dcreate2(where, name, type, shape, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose};
}

Handle group(hid_t where, const char* name) {
    return {H5Gcreate2(where, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
}

void write(const Handle& set, hid_t type, const void* data) {
    check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
}

void text_attribute(hid_t object, const char* name, std::string_view text) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    check(H5Tset_size(type, text.size()));
    check(H5Tset_strpad(type, H5T_STR_NULLPAD));
    const Handle shape(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(H5Acreate2(object, name, type, shape, H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    check(H5Awrite(attribute, type, text.data()));
}

void number_attribute(hid_t object, const char* name, double value) {
    const Handle shape(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(
        H5Acreate2(object, name, H5T_IEEE_F64LE, shape, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    check(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value));
}

/// The bulk: one contiguous block of numbers that do not compress.
void write_table(hid_t file, std::size_t bytes, Random random) {
    constexpr hsize_t columns = 1024;
    const hsize_t rows = std::max<hsize_t>(1, bytes / sizeof(float) / columns);
    std::vector<float> table(rows * columns);
    for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
        const std::uint64_t bits = random.next();
        table[i] = static_cast<float>(bits & 0xffffffffU);
        table[i + 1] = static_cast<float>(bits >> 32);
    }
    const Handle set = dataset(file, "table", H5T_IEEE_F32LE, space({rows, columns}));
    write(set, H5T_NATIVE_FLOAT, table.data());
    text_attribute(set, "units", "erg/g");
    number_attribute(set, "time", 0.125);
}

/// A smooth field with some noise, in chunks, shuffled and compressed.
void write_field(hid_t where, std::size_t bytes, Random random) {
    constexpr hsize_t width = 512;
    const hsize_t height = std::max<hsize_t>(1, bytes / sizeof(double) / width);
    std::vector<double> field(width * height);
    for (hsize_t y = 0; y < height; ++y) {
        for (hsize_t x = 0; x < width; ++x) {
            const double smooth =
                std::sin(static_cast<double>(x) * 0.02) * std::cos(static_cast<double>(y) * 0.01);
            field[y * width + x] = std::round((smooth + random.unit() * 1e-3) * 1e6);
        }
    }
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const std::array<hsize_t, 2> chunk{std::min<hsize_t>(64, height), width};
    check(H5Pset_chunk(properties, 2, chunk.data()));
    check(H5Pset_shuffle(properties));
    check(H5Pset_deflate(properties, 1));
    const Handle set =
        dataset(where, "temperature", H5T_IEEE_F64LE, space({height, width}), properties);
    write(set, H5T_NATIVE_DOUBLE, field.data());
    text_attribute(set, "units", "K");
}

struct Particle {
    std::int64_t id;
    std::array<double, 3> position;
    float mass;
    std::array<char, 8> kind;
};

/// Records of different types, in chunks that are not compressed.
void write_particles(hid_t where, std::size_t bytes, Random random) {
    std::vector<Particle> particles(std::max<std::size_t>(1, bytes / sizeof(Particle)));
    std::int64_t id = 0;
    for (Particle& particle : particles) {
        particle = {
            .id = id++, .position = {}, .mass = static_cast<float>(random.unit()), .kind = {}};
        for (double& coordinate : particle.position) coordinate = random.unit();
        const std::string_view kind = random.next() % 2 == 0 ? "gas" : "star";
        std::ranges::copy(kind, particle.kind.begin());
    }
    const std::array<hsize_t, 1> three{3};
    const Handle position(H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, three.data()), H5Tclose);
    const Handle kind(H5Tcopy(H5T_C_S1), H5Tclose);
    check(H5Tset_size(kind, sizeof(Particle::kind)));
    check(H5Tset_strpad(kind, H5T_STR_NULLPAD));
    const Handle type(H5Tcreate(H5T_COMPOUND, sizeof(Particle)), H5Tclose);
    check(H5Tinsert(type, "id", HOFFSET(Particle, id), H5T_NATIVE_INT64));
    check(H5Tinsert(type, "position", HOFFSET(Particle, position), position));
    check(H5Tinsert(type, "mass", HOFFSET(Particle, mass), H5T_NATIVE_FLOAT));
    check(H5Tinsert(type, "kind", HOFFSET(Particle, kind), kind));

    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    const std::array<hsize_t, 1> chunk{std::min<hsize_t>(8192, particles.size())};
    check(H5Pset_chunk(properties, 1, chunk.data()));
    const Handle set = dataset(where, "particles", type, space({particles.size()}), properties);
    write(set, type, particles.data());
}

/// Strings, each as long as it is.
void write_names(hid_t where, std::size_t count, Random random) {
    std::vector<std::string> names;
    names.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back("cell-" + std::to_string(i) + std::string(random.next() % 12, 'x'));
    }
    std::vector<const char*> pointers;
    pointers.reserve(count);
    for (const std::string& name : names) pointers.push_back(name.c_str());
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    check(H5Tset_size(type, H5T_VARIABLE));
    const Handle set = dataset(where, "names", type, space({count}));
    write(set, type, static_cast<const void*>(pointers.data()));
}

void make(const std::string& path, std::size_t mebibytes, std::uint64_t seed) {
    const std::size_t total = mebibytes << 20;
    const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    text_attribute(file, "title", "an example of a simulation's input");
    number_attribute(file, "seed", static_cast<double>(seed));

    const Handle mesh = group(file, "mesh");
    const Handle state = group(file, "state");
    // The compressed part takes a processor most of the time, so it is a small one.
    write_field(state, total / 16, Random(seed + 1));
    write_particles(state, total / 16, Random(seed + 2));
    write_names(mesh, std::min<std::size_t>(20'000, total / 64 + 1), Random(seed + 3));
    const hsize_t so_far = [&] {
        check(H5Fflush(file, H5F_SCOPE_GLOBAL));
        hsize_t bytes = 0;
        check(H5Fget_filesize(file, &bytes));
        return bytes;
    }();
    write_table(file, total > so_far ? total - so_far : 0, Random(seed));
    check(H5Lcreate_soft("/table", state, "energy", H5P_DEFAULT, H5P_DEFAULT));
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > (1U << 30)) {
        throw std::runtime_error("not a number: " + std::string(text));
    }
    return value;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 4) {
        std::fprintf(stderr, "usage: make_dataset FILE [MEBIBYTES [SEED]]\n");
        return 2;
    }
    try {
        make(argv[1], argc > 2 ? number(argv[2]) : 256, argc > 3 ? number(argv[3]) : 1);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "make_dataset: %s\n", error.what());
        return 1;
    }
    return 0;
}
