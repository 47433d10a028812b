#include "storage/digest.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace splitcast::storage {

std::string Digest::text() const { return fmt::format("{:016x}{:016x}", high, low); }

struct Digester::State {
    XXH3_state_t* hash = XXH3_createState();
    State() {
        if (hash == nullptr) throw std::bad_alloc();
        XXH3_128bits_reset(hash);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { XXH3_freeState(hash); }
};

Digester::Digester() : state_(std::make_unique<State>()) {}
Digester::~Digester() = default;

void Digester::add(std::span<const std::byte> bytes) {
    XXH3_128bits_update(state_->hash, bytes.data(), bytes.size());
}

Digest Digester::digest() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash);
    return {hash.high64, hash.low64};
}

Digest digest_of(std::span<const std::byte> bytes) {
    Digester digester;
    digester.add(bytes);
    return digester.digest();
}

}  // namespace splitcast::storage
