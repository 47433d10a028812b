#include "splitcast/h5.h"
#include "splitcast/h5.hpp"
#include "splitcast/splitcast.hpp"

#include <exception>
#include <new>
#include <string>
#include <utility>

// As in the C interface of libsplitcast: the handle is the object of the C++ one.
struct splitcast_team {
    splitcast::Team team;
};
struct splitcast_h5_dataset {
    splitcast::h5::Dataset dataset;
};
struct splitcast_h5_nodes {
    splitcast::h5::Nodes nodes;
};

namespace {

using splitcast::Error;
using splitcast::Status;
namespace h5 = splitcast::h5;

thread_local std::string last_error;

int fail(const Error& error) {
    last_error = error.text;
    return static_cast<int>(error.status);
}

int fail(const char* text) { return fail(Error{Status::argument, text}); }

template <class Body>
int guarded(Body body) {
    try {
        last_error.clear();
        return body();
    } catch (const std::bad_alloc&) {
        return fail(Error{Status::memory, "out of memory"});
    } catch (const std::exception& unexpected) {
        return fail(Error{Status::internal, unexpected.what()});
    }
}

std::vector<hsize_t> numbers(const hsize_t* from, int count) {
    if (from == nullptr || count <= 0) return {};
    return {from, from + count};
}

h5::Options options_of(const splitcast_h5_options* given) {
    h5::Options options;
    if (given == nullptr) return options;
    options.root = given->root;
    if (given->settings != nullptr) options.settings = given->settings;
    if (given->batch != 0) options.batch = given->batch;
    if (given->memory_type > 0) options.memory_type = given->memory_type;
    options.selection = {numbers(given->start, given->rank), numbers(given->count, given->rank),
                         numbers(given->stride, given->rank), numbers(given->block, given->rank)};
    return options;
}

const char* text_of(const char* text) { return text == nullptr ? "" : text; }

void copy_traffic(const h5::Traffic& from, splitcast_h5_traffic* to) {
    if (to == nullptr) return;
    *to = {from.logical_bytes, from.stored_bytes, from.wire_bytes, from.bytes_received,
           from.seconds};
}

/// The C handle of a dataset that a call returned.
int hand_over(splitcast::Result<h5::Dataset> made, splitcast_h5_dataset** dataset) {
    if (!made) return fail(made.error());
    *dataset = new splitcast_h5_dataset{std::move(made).value()};
    return SPLITCAST_SUCCESS;
}

}  // namespace

int splitcast_h5_read(splitcast_team* team, const char* file, const char* path,
                      const splitcast_h5_options* options, splitcast_h5_dataset** dataset) {
    return guarded([&] {
        if (team == nullptr || dataset == nullptr)
            return fail("the team or the place for the dataset is NULL");
        *dataset = nullptr;
        return hand_over(h5::read(team->team, text_of(file), text_of(path), options_of(options)),
                         dataset);
    });
}

int splitcast_h5_read_into(splitcast_team* team, const char* file, const char* path,
                           hid_t memory_type, void* buffer, long long bytes,
                           const splitcast_h5_options* options, splitcast_h5_traffic* traffic) {
    return guarded([&] {
        if (team == nullptr) return fail("the team is NULL");
        h5::Options wanted = options_of(options);
        wanted.memory_type = memory_type;
        const auto moved =
            h5::read_into(team->team, text_of(file), text_of(path), buffer, bytes, wanted);
        if (!moved) return fail(moved.error());
        copy_traffic(*moved, traffic);
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_h5_nodes_create(splitcast_team* team, int root, splitcast_h5_nodes** nodes) {
    return guarded([&] {
        if (team == nullptr || nodes == nullptr)
            return fail("the team or the place for the nodes is NULL");
        *nodes = nullptr;
        auto made = h5::Nodes::create(team->team, root);
        if (!made) return fail(made.error());
        *nodes = new splitcast_h5_nodes{std::move(made).value()};
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_h5_nodes_free(splitcast_h5_nodes** nodes) {
    return guarded([&] {
        if (nodes == nullptr || *nodes == nullptr) return fail("the nodes are NULL");
        delete *nodes;
        *nodes = nullptr;
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_h5_share(splitcast_h5_nodes* nodes, const char* file, const char* path,
                       const splitcast_h5_options* options, splitcast_h5_dataset** dataset) {
    return guarded([&] {
        if (nodes == nullptr || dataset == nullptr)
            return fail("the nodes or the place for the dataset is NULL");
        *dataset = nullptr;
        return hand_over(h5::share(nodes->nodes, text_of(file), text_of(path), options_of(options)),
                         dataset);
    });
}

const void* splitcast_h5_data(const splitcast_h5_dataset* dataset) {
    return dataset->dataset.data();
}
long long splitcast_h5_bytes(const splitcast_h5_dataset* dataset) {
    return dataset->dataset.bytes();
}
long long splitcast_h5_elements(const splitcast_h5_dataset* dataset) {
    return dataset->dataset.elements();
}
int splitcast_h5_rank(const splitcast_h5_dataset* dataset) {
    return static_cast<int>(dataset->dataset.dims().size());
}
const hsize_t* splitcast_h5_dims(const splitcast_h5_dataset* dataset) {
    return dataset->dataset.dims().data();
}
hid_t splitcast_h5_type(const splitcast_h5_dataset* dataset) { return dataset->dataset.type(); }
hid_t splitcast_h5_object(const splitcast_h5_dataset* dataset) { return dataset->dataset.object(); }
void splitcast_h5_get_traffic(const splitcast_h5_dataset* dataset, splitcast_h5_traffic* traffic) {
    copy_traffic(dataset->dataset.traffic(), traffic);
}

int splitcast_h5_dataset_free(splitcast_h5_dataset** dataset) {
    return guarded([&] {
        if (dataset == nullptr || *dataset == nullptr) return fail("the dataset is NULL");
        delete *dataset;
        *dataset = nullptr;
        return SPLITCAST_SUCCESS + 0;
    });
}

int splitcast_h5_extract(splitcast_team* team, const char* file, const char* path,
                         const char* destination, int force, const splitcast_h5_options* options) {
    return guarded([&] {
        if (team == nullptr) return fail("the team is NULL");
        const h5::Options given = options_of(options);
        h5::ExtractOptions wanted;
        wanted.root = given.root;
        wanted.settings = given.settings;
        wanted.batch = given.batch;
        wanted.force = force != 0;
        const auto done =
            h5::extract(team->team, text_of(file), text_of(path), text_of(destination), wanted);
        return done ? SPLITCAST_SUCCESS + 0 : fail(done.error());
    });
}

const char* splitcast_h5_last_error(void) { return last_error.c_str(); }
