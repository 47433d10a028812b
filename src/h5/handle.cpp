#include "h5/handle.hpp"

#include <fmt/format.h>

#include <array>

namespace splitcast::h5 {

namespace {

std::string message(hid_t id) {
    std::array<char, 128> text{};
    H5Eget_msg(id, nullptr, text.data(), text.size());
    return text.data();
}

extern "C" herr_t add_line(unsigned depth, const H5E_error2_t* error, void* lines) {
    *static_cast<std::string*>(lines) +=
        fmt::format("\n  HDF5 #{} {}(): {} ({}: {})", depth, error->func_name, error->desc,
                    message(error->maj_num), message(error->min_num));
    return 0;
}

}  // namespace

std::string error_stack() {
    std::string lines;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, add_line, &lines);
    return lines;
}

void fail(Status status, std::string_view what) {
    throw Failure(Error{status, std::string(what) + error_stack()});
}

Quiet::Quiet() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Quiet::~Quiet() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

}  // namespace splitcast::h5
