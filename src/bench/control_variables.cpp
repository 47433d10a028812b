#include "bench/control_variables.hpp"

namespace splitcast::bench {

std::shared_ptr<ControlVariables> ControlVariables::of_this_process() {
    static std::weak_ptr<ControlVariables> keeper;
    auto variables = keeper.lock();
    if (!variables) {
        variables = std::make_shared<ControlVariables>();
        keeper = variables;
    }
    return variables;
}

ControlVariables::ControlVariables() {
    int provided = MPI_THREAD_SINGLE;
    ready_ = MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) == MPI_SUCCESS;
}

ControlVariables::~ControlVariables() {
    if (!ready_) return;
    restore();
    for (auto& entry : open_) MPI_T_cvar_handle_free(&entry.second.handle);
    MPI_T_finalize();
}

std::optional<long long> ControlVariables::get(const std::string& name) {
    const Variable* variable = find(name);
    return variable == nullptr ? std::nullopt : read(*variable);
}

std::optional<long long> ControlVariables::value_of(const std::string& name,
                                                    const std::string& word) {
    const Variable* variable = find(name);
    int count = 0;
    int length = 0;
    if (variable == nullptr || variable->words == MPI_T_ENUM_NULL ||
        MPI_T_enum_get_info(variable->words, &count, nullptr, &length) != MPI_SUCCESS)
        return std::nullopt;
    for (int i = 0; i < count; ++i) {
        int value = 0;
        char text[128] = "";
        length = sizeof text;
        if (MPI_T_enum_get_item(variable->words, i, &value, text, &length) == MPI_SUCCESS &&
            word == text)
            return value;
    }
    return std::nullopt;
}

bool ControlVariables::apply(std::span<const Setting> settings) {
    restore();
    // NOLINTNEXTLINE(readability-use-anyofallof): it is no question, every turn changes something
    for (const Setting& setting : settings) {
        const Variable* variable = find(setting.variable);
        const auto before = variable == nullptr ? std::nullopt : read(*variable);
        if (!before || !write(*variable, setting.value)) {
            restore();
            return false;
        }
        changed_.push_back({setting.variable, *before});
    }
    return true;
}

void ControlVariables::restore() {
    user_ = 0;
    while (!changed_.empty()) {
        const Setting& old = changed_.back();
        if (const Variable* variable = find(old.variable)) write(*variable, old.value);
        changed_.pop_back();
    }
}

void ControlVariables::apply_for(int user, std::span<const Setting> settings) {
    if (user_ == user) return;
    apply(settings);
    user_ = user;
}

ControlVariables::Variable* ControlVariables::find(const std::string& name) {
    if (const auto known = open_.find(name); known != open_.end()) return &known->second;
    int index = 0;
    if (!ready_ || MPI_T_cvar_get_index(name.c_str(), &index) != MPI_SUCCESS) return nullptr;
    Variable variable;
    int verbosity = 0;
    int binding = MPI_T_BIND_NO_OBJECT;
    int scope = 0;
    int count = 0;
    if (MPI_T_cvar_get_info(index, nullptr, nullptr, &verbosity, &variable.type, &variable.words,
                            nullptr, nullptr, &binding, &scope) != MPI_SUCCESS ||
        binding != MPI_T_BIND_NO_OBJECT ||
        MPI_T_cvar_handle_alloc(index, nullptr, &variable.handle, &count) != MPI_SUCCESS)
        return nullptr;
    return &open_.emplace(name, variable).first->second;
}

std::optional<long long> ControlVariables::read(const Variable& variable) {
    int number = 0;
    bool truth = false;
    if (variable.type == MPI_INT && MPI_T_cvar_read(variable.handle, &number) == MPI_SUCCESS)
        return number;
    if (variable.type == MPI_C_BOOL && MPI_T_cvar_read(variable.handle, &truth) == MPI_SUCCESS)
        return truth ? 1 : 0;
    return std::nullopt;
}

bool ControlVariables::write(const Variable& variable, long long value) {
    const int number = static_cast<int>(value);
    const bool truth = value != 0;
    if (variable.type == MPI_INT) return MPI_T_cvar_write(variable.handle, &number) == MPI_SUCCESS;
    if (variable.type == MPI_C_BOOL)
        return MPI_T_cvar_write(variable.handle, &truth) == MPI_SUCCESS;
    return false;
}

}  // namespace splitcast::bench
