#include "h5/dataset.hpp"

#include "h5/types.hpp"

#include <fmt/format.h>

#include <utility>

namespace splitcast::h5 {

Handle memory_type(hid_t dataset, hid_t wanted) {
    if (wanted >= 0)
        return {H5Tcopy(wanted), H5Tclose, "memory_type is not a type", Status::argument};
    const Handle type(H5Dget_type(dataset), H5Tclose, "cannot see the type");
    return {H5Tget_native_type(type, H5T_DIR_ASCEND), H5Tclose, "the type has no native one"};
}

Dataset::Impl::Impl(std::shared_ptr<Described> described, const Item& item, hid_t wanted)
    : described_(std::move(described)),
      item_(item),
      object_(H5Dopen2(described_->file, item.path.c_str(), H5P_DEFAULT), H5Dclose,
              item.path + ": it is not in the description"),
      type_(memory_type(object_, wanted)),
      dims_(item.dims.begin(), item.dims.end()),
      bytes_(static_cast<std::size_t>(item.elements()) * H5Tget_size(type_)) {}

void Dataset::Impl::allocate() {
    // Zeros where pointers are going to be, so that they can be freed when something fails half
    // way; and where members of a structure leave gaps, which nobody writes to.
    const bool gaps = H5Tget_class(type_) == H5T_COMPOUND || H5Tget_class(type_) == H5T_ARRAY;
    own_ = gaps || has_variable_length(type_) ? std::make_unique<std::byte[]>(bytes_)
                                              : std::make_unique_for_overwrite<std::byte[]>(bytes_);
}

void Dataset::Impl::adopt(storage::MappedMemory memory) { shared_ = std::move(memory); }

Dataset::Impl::~Impl() {
    if (!own_ || bytes_ == 0) return;
    (void)attempt([this] {
        if (has_variable_length(type_))
            H5Treclaim(type_, simple_space({item_.elements()}), H5P_DEFAULT, own_.get());
    });
}

Dataset::Dataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

const std::string& Dataset::path() const { return impl_->item().path; }
const std::vector<hsize_t>& Dataset::dims() const { return impl_->dims(); }
std::int64_t Dataset::elements() const {
    return static_cast<std::int64_t>(impl_->item().elements());
}
std::int64_t Dataset::bytes() const { return static_cast<std::int64_t>(impl_->bytes()); }
hid_t Dataset::type() const { return impl_->type(); }
const void* Dataset::data() const { return impl_->data(); }
bool Dataset::shared() const { return impl_->shared(); }
hid_t Dataset::object() const { return impl_->object(); }
const Traffic& Dataset::traffic() const { return impl_->traffic; }

Result<void> Dataset::check_type(hid_t native, std::size_t size) const {
    return attempt([&] {
        const bool fits = native < 0 ? H5Tget_size(type()) == size : H5Tequal(type(), native) > 0;
        if (fits) return;
        throw Failure(
            Error{Status::argument,
                  fmt::format("{}: its elements are {} ({} bytes), not what was asked for", path(),
                              type_text(type()), H5Tget_size(type()))});
    });
}

Result<std::string> Dataset::text_attribute(const std::string& name) const {
    return attempt([&]() -> std::string {
        const std::string what = path() + ", attribute " + name + ": ";
        const Handle attribute(H5Aopen(object(), name.c_str(), H5P_DEFAULT), H5Aclose,
                               what + "there is none", Status::argument);
        const Handle type(H5Aget_type(attribute), H5Tclose, what + "cannot see the type");
        if (H5Tget_class(type) != H5T_STRING)
            throw Failure(Error{Status::argument, what + "it is not a text"});
        const Handle space(H5Aget_space(attribute), H5Sclose, what + "cannot see the shape");
        if (H5Sget_simple_extent_npoints(space) != 1)
            throw Failure(Error{Status::argument, what + "it is not one text"});
        Elements value(type, 1);
        check(H5Aread(attribute, type, value.data()), what + "cannot read it");
        if (H5Tis_variable_str(type) > 0) {
            const char* text = *static_cast<char**>(value.data());
            return text == nullptr ? "" : text;
        }
        std::string text(static_cast<const char*>(value.data()), value.size());
        if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) {
            text.erase(text.find_last_not_of(' ') + 1);
        } else {
            text = text.substr(0, text.find('\0'));
        }
        return text;
    });
}

Result<double> Dataset::number_attribute(const std::string& name) const {
    return attempt([&] {
        const std::string what = path() + ", attribute " + name + ": ";
        const Handle attribute(H5Aopen(object(), name.c_str(), H5P_DEFAULT), H5Aclose,
                               what + "there is none", Status::argument);
        const Handle space(H5Aget_space(attribute), H5Sclose, what + "cannot see the shape");
        if (H5Sget_simple_extent_npoints(space) != 1)
            throw Failure(Error{Status::argument, what + "it is not one number"});
        double value = 0;
        check(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), what + "it is not a number",
              Status::argument);
        return value;
    });
}

}  // namespace splitcast::h5
