#pragma once

#include <mpi.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace splitcast::bench {

/// One value of one of the MPI library's control variables (MPI_T).
struct Setting {
    std::string variable;
    long long value = 0;
};

/// The MPI library's control variables, changed for a while and put back. They belong to the whole
/// process, so there is one keeper of their old values at a time. Numbers and truth values only.
class ControlVariables {
public:
    /// The keeper that exists, or a new one.
    static std::shared_ptr<ControlVariables> of_this_process();

    ControlVariables();
    ~ControlVariables();
    ControlVariables(const ControlVariables&) = delete;
    ControlVariables& operator=(const ControlVariables&) = delete;

    bool has(const std::string& name) { return find(name) != nullptr; }
    std::optional<long long> get(const std::string& name);

    /// The value that the library itself calls by this word.
    std::optional<long long> value_of(const std::string& name, const std::string& word);

    /// Changes these, having put back what was changed before. False, with nothing changed, when
    /// one of them cannot be.
    bool apply(std::span<const Setting> settings);

    /// Puts every old value back.
    void restore();

    /// A name for somebody who calls apply_for().
    int new_user() { return ++users_; }

    /// As apply(), but nothing is done when this user was the last to ask.
    void apply_for(int user, std::span<const Setting> settings);

private:
    struct Variable {
        MPI_T_cvar_handle handle = MPI_T_CVAR_HANDLE_NULL;
        MPI_Datatype type = MPI_DATATYPE_NULL;
        MPI_T_enum words = MPI_T_ENUM_NULL;
    };

    Variable* find(const std::string& name);
    static std::optional<long long> read(const Variable& variable);
    static bool write(const Variable& variable, long long value);

    bool ready_ = false;
    std::map<std::string, Variable> open_;
    std::vector<Setting> changed_;  // with their old values
    int users_ = 0;
    int user_ = 0;  // nobody
};

}  // namespace splitcast::bench
