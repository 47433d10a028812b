#include "h5/samples.hpp"

#include <hdf5.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

// An HDF5 call that fails ends the making of a sample; what is open then is closed with the
// process.
#define TRY(call)                                                           \
    do {                                                                    \
        if ((call) < 0) {                                                   \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #call); \
            return false;                                                   \
        }                                                                   \
    } while (0)

namespace samples {

namespace {

using Dims = std::vector<hsize_t>;

struct Properties {
    Dims chunk = {};
    bool shuffle = false;
    bool deflate = false;
    bool fletcher = false;
    bool nbit = false;
    bool scale_offset = false;
    bool plain_edges = false;
    bool compact = false;
    bool early = false;
    const std::int32_t* fill = nullptr;
};

hid_t creation(const Properties& wanted) {
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (!wanted.chunk.empty())
        H5Pset_chunk(list, static_cast<int>(wanted.chunk.size()), wanted.chunk.data());
    if (wanted.plain_edges) H5Pset_chunk_opts(list, H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS);
    if (wanted.nbit) H5Pset_nbit(list);
    if (wanted.scale_offset) H5Pset_scaleoffset(list, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
    if (wanted.shuffle) H5Pset_shuffle(list);
    if (wanted.deflate) H5Pset_deflate(list, 6);
    if (wanted.fletcher) H5Pset_fletcher32(list);
    if (wanted.compact) H5Pset_layout(list, H5D_COMPACT);
    if (wanted.early) H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    if (wanted.fill != nullptr) H5Pset_fill_value(list, H5T_NATIVE_INT32, wanted.fill);
    return list;
}

std::size_t volume(const Dims& dims) {
    std::size_t product = 1;
    for (const hsize_t length : dims) product *= length;
    return product;
}

hid_t space_of(const Dims& dims, const Dims& most = {}) {
    if (dims.empty()) return H5Screate(H5S_SCALAR);
    return H5Screate_simple(static_cast<int>(dims.size()), dims.data(),
                            most.empty() ? nullptr : most.data());
}

/// Whatever was left open in the file is closed with it.
hid_t create(const std::string& path) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    return H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
}

class Maker {
public:
    Maker(hid_t file, std::uint64_t seed) : file_(file), random_(seed) {
        links_ = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(links_, 1);
    }

    bool bytes(const char* path, hid_t type, const Dims& dims, const Properties& wanted = {},
               const Dims& most = {}, bool write = true) {
        const hid_t set = H5Dcreate2(file_, path, type, space_of(dims, most), links_,
                                     creation(wanted), H5P_DEFAULT);
        TRY(set);
        if (write) {
            std::vector<unsigned char> data(volume(dims) * H5Tget_size(type) + 1);
            // Small numbers, now and then others: something to compress.
            for (std::size_t i = 0; i < data.size(); i += H5Tget_size(type))
                data[i] = static_cast<unsigned char>(random_() % 100);
            TRY(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()));
        }
        if (!attributes(set)) return false;
        return H5Dclose(set) >= 0;
    }

    /// Only a part is written; of the chunks elsewhere there are none.
    bool sparse(const char* path) {
        static constexpr std::int32_t fill = -7;
        const hid_t set =
            H5Dcreate2(file_, path, H5T_STD_I32LE, space_of({300, 200}), links_,
                       creation({.chunk = {50, 64}, .deflate = true, .fill = &fill}), H5P_DEFAULT);
        TRY(set);
        const hid_t part = space_of({300, 200});
        const Dims start{120, 70};
        const Dims count{90, 100};
        TRY(H5Sselect_hyperslab(part, H5S_SELECT_SET, start.data(), nullptr, count.data(),
                                nullptr));
        std::vector<std::int32_t> data(volume(count));
        for (auto& value : data) value = static_cast<std::int32_t>(random_() % 1000);
        TRY(H5Dwrite(set, H5T_NATIVE_INT32, space_of(count), part, H5P_DEFAULT, data.data()));
        return H5Dclose(set) >= 0;
    }

    bool strings(const char* path, const Dims& dims, const Properties& wanted = {}) {
        const hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, H5T_VARIABLE);
        std::vector<std::string> texts(volume(dims));
        for (auto& text : texts) text = std::string(random_() % 300, 'a' + char(random_() % 26));
        std::vector<const char*> pointers;
        for (const auto& text : texts) pointers.push_back(text.c_str());
        const hid_t set =
            H5Dcreate2(file_, path, type, space_of(dims), links_, creation(wanted), H5P_DEFAULT);
        TRY(set);
        TRY(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     static_cast<const void*>(pointers.data())));
        if (!attributes(set)) return false;
        return H5Dclose(set) >= 0;
    }

    /// Records of a number, a name of variable length and a sequence.
    bool records(const char* path, hsize_t count) {
        struct Record {
            std::int64_t id;
            const char* name;
            hvl_t values;
        };
        std::vector<Record> data(count);
        std::vector<std::vector<float>> values(count);
        for (std::size_t i = 0; i < count; ++i) {
            values[i].resize(random_() % 50);
            for (float& value : values[i]) value = static_cast<float>(random_() % 1000);
            data[i] = {static_cast<std::int64_t>(i),
                       i % 2 == 0 ? "even" : "an odd one",
                       {values[i].size(), values[i].data()}};
        }
        const hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, H5T_VARIABLE);
        const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(Record));
        H5Tinsert(type, "id", HOFFSET(Record, id), H5T_NATIVE_INT64);
        H5Tinsert(type, "name", HOFFSET(Record, name), text);
        H5Tinsert(type, "values", HOFFSET(Record, values), H5Tvlen_create(H5T_NATIVE_FLOAT));
        const hid_t set =
            H5Dcreate2(file_, path, type, space_of({count}), links_, H5P_DEFAULT, H5P_DEFAULT);
        TRY(set);
        TRY(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()));
        return H5Dclose(set) >= 0;
    }

    bool attributes(hid_t object) {
        const double time = 0.125;
        hid_t made =
            H5Acreate2(object, "time", H5T_IEEE_F64BE, space_of({}), H5P_DEFAULT, H5P_DEFAULT);
        TRY(H5Awrite(made, H5T_NATIVE_DOUBLE, &time));
        const hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, H5T_VARIABLE);
        made = H5Acreate2(object, "units", text, space_of({}), H5P_DEFAULT, H5P_DEFAULT);
        const char* units = "erg per gram";
        TRY(H5Awrite(made, text, static_cast<const void*>(&units)));
        return true;
    }

    /// An attribute that refers to another object.
    bool reference(const char* owner, const char* target) {
        hobj_ref_t reference{};
        TRY(H5Rcreate(&reference, file_, target, H5R_OBJECT, H5I_INVALID_HID));
        const hid_t set = H5Dopen2(file_, owner, H5P_DEFAULT);
        const hid_t made =
            H5Acreate2(set, "see", H5T_STD_REF_OBJ, space_of({}), H5P_DEFAULT, H5P_DEFAULT);
        TRY(H5Awrite(made, H5T_STD_REF_OBJ, &reference));
        return true;
    }

private:
    hid_t file_;
    hid_t links_ = H5I_INVALID_HID;
    std::mt19937_64 random_;
};

hid_t record_type() {
    const hid_t type = H5Tcreate(H5T_COMPOUND, 21);  // packed, unlike a struct in memory
    const hsize_t three = 3;
    H5Tinsert(type, "kind", 0, H5T_STD_I8LE);
    H5Tinsert(type, "mass", 1, H5T_IEEE_F64BE);
    H5Tinsert(type, "position", 9, H5Tarray_create2(H5T_IEEE_F32LE, 1, &three));
    return type;
}

hid_t color_type() {
    const hid_t type = H5Tenum_create(H5T_STD_I16LE);
    for (std::int16_t value = 0; value < 100; ++value)
        H5Tenum_insert(type, ("color" + std::to_string(value)).c_str(), &value);
    return type;
}

bool make_fixed(Maker& maker) {
    const hid_t name = H5Tcopy(H5T_C_S1);
    H5Tset_size(name, 12);
    return maker.bytes("/scalar", H5T_IEEE_F64LE, {}) &&
           maker.bytes("/table", H5T_IEEE_F64LE, {700, 11, 5}) &&
           maker.bytes("/big_endian", H5T_STD_I32BE, {40000}) &&
           maker.bytes("/records", record_type(), {9001}) && maker.bytes("/names", name, {31, 7}) &&
           maker.bytes("/empty", H5T_STD_I32LE, {0, 5}) &&
           maker.bytes("/compact", H5T_STD_U8LE, {100}, {.compact = true}) &&
           maker.bytes("/never_written", H5T_STD_I32LE, {1000, 1000}, {}, {}, false) &&
           maker.bytes("/chunked/plain", H5T_STD_I64LE, {333, 77}, {.chunk = {50, 20}}) &&
           maker.bytes("/chunked/deflate", H5T_IEEE_F64LE, {1000, 333},
                       {.chunk = {64, 100}, .shuffle = true, .deflate = true},
                       {H5S_UNLIMITED, 333}) &&
           maker.bytes("/chunked/checked", H5T_STD_I16BE, {5000},
                       {.chunk = {128}, .fletcher = true}) &&
           maker.bytes("/chunked/nbit", H5T_STD_I32LE, {200, 200},
                       {.chunk = {30, 200}, .nbit = true}) &&
           maker.bytes("/chunked/scale_offset", H5T_STD_I32LE, {20000},
                       {.chunk = {777}, .scale_offset = true}) &&
           maker.bytes("/chunked/plain_edges", H5T_STD_I32LE, {100, 100},
                       {.chunk = {33, 41}, .deflate = true, .plain_edges = true}) &&
           maker.bytes("/chunked/early", H5T_STD_I32LE, {400},
                       {.chunk = {100}, .deflate = true, .early = true}, {}, false) &&
           maker.bytes("/chunked/records", record_type(), {3000},
                       {.chunk = {256}, .shuffle = true, .deflate = true}) &&
           maker.bytes("/chunked/colors", color_type(), {10, 10, 10},
                       {.chunk = {4, 3, 10}, .deflate = true}) &&
           maker.sparse("/chunked/sparse");
}

}  // namespace

const std::vector<std::string>& fixed() {
    static const std::vector<std::string> paths{"/scalar",
                                                "/table",
                                                "/big_endian",
                                                "/records",
                                                "/names",
                                                "/empty",
                                                "/compact",
                                                "/never_written",
                                                "/chunked/plain",
                                                "/chunked/deflate",
                                                "/chunked/checked",
                                                "/chunked/nbit",
                                                "/chunked/scale_offset",
                                                "/chunked/plain_edges",
                                                "/chunked/early",
                                                "/chunked/records",
                                                "/chunked/colors",
                                                "/chunked/sparse"};
    return paths;
}

const std::vector<std::string>& variable() {
    static const std::vector<std::string> paths{"/texts", "/few_texts", "/chunked/texts",
                                                "/variable/records"};
    return paths;
}

bool make(const std::string& path, std::uint64_t seed) {
    const hid_t file = create(path);
    TRY(file);
    Maker maker(file, seed);
    if (!make_fixed(maker) || !maker.strings("/texts", {9000, 3}) ||
        !maker.strings("/few_texts", {5}) ||
        !maker.strings("/chunked/texts", {2000}, {.chunk = {300}, .deflate = true}) ||
        !maker.records("/variable/records", 3000) || !maker.reference("/table", "/scalar") ||
        !maker.reference("/chunked/deflate", "/chunked/plain")) {
        return false;
    }
    const hid_t set = H5Dcreate2(file, "/null", H5T_STD_I32LE, H5Screate(H5S_NULL), H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT);
    TRY(set);
    TRY(H5Dclose(set));
    TRY(H5Lcreate_soft("/table", file, "/soft", H5P_DEFAULT, H5P_DEFAULT));
    TRY(H5Lcreate_hard(file, "/table", file, "/chunked/hard", H5P_DEFAULT, H5P_DEFAULT));
    TRY(H5Tcommit2(file, "/type", record_type(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    return H5Fclose(file) >= 0;
}

bool make_field(const std::string& path, std::uint64_t rows, std::uint64_t seed) {
    const hid_t file = create(path);
    TRY(file);
    std::vector<double> data(rows * 256);
    std::mt19937_64 random(seed);
    for (double& value : data) value = static_cast<double>(random() % 64);
    const hid_t set =
        H5Dcreate2(file, "/field", H5T_IEEE_F64LE, space_of({rows, 256}), H5P_DEFAULT,
                   creation({.chunk = {64, 256}, .shuffle = true, .deflate = true}), H5P_DEFAULT);
    TRY(set);
    TRY(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()));
    TRY(H5Dclose(set));
    return H5Fclose(file) >= 0;
}

bool make_huge(const std::string& path) {
    constexpr hsize_t length = (hsize_t{1} << 31) + 12345;
    const hid_t file = create(path);
    TRY(file);
    const hid_t set = H5Dcreate2(file, "/huge", H5T_STD_U8LE, space_of({length}), H5P_DEFAULT,
                                 creation({.chunk = {16 << 20}, .deflate = true}), H5P_DEFAULT);
    TRY(set);
    constexpr hsize_t piece = 64 << 20;
    std::vector<unsigned char> data(piece);
    for (hsize_t at = 0; at < length; at += piece) {
        const hsize_t count = std::min(piece, length - at);
        std::memset(data.data(), static_cast<int>(at / piece + 1), data.size());
        const hid_t part = space_of({length});
        TRY(H5Sselect_hyperslab(part, H5S_SELECT_SET, &at, nullptr, &count, nullptr));
        TRY(H5Dwrite(set, H5T_NATIVE_UINT8, space_of({count}), part, H5P_DEFAULT, data.data()));
    }
    TRY(H5Dclose(set));
    return H5Fclose(file) >= 0;
}

}  // namespace samples
