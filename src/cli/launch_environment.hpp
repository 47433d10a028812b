#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a process has to be started with so that it survives the death of others: settings of the
/// MPI library that are read by MPI_Init, and thus can still be set before it.
namespace splitcast::cli {

struct LaunchSetting {
    std::string_view name;   ///< of the MCA parameter; OMPI_MCA_<name> in the environment
    std::string_view value;  ///< what survivors need
};

/// Those of share/splitcast-ft.conf.
[[nodiscard]] std::span<const LaunchSetting> launch_settings();

/// Those of them that the environment does not have, whatever their value.
[[nodiscard]] std::vector<std::string_view> unset_launch_settings();

/// Was this job started such that ranks may die (mpirun --with-ft ulfm, splitcast-env.sh)? As far
/// as the environment tells.
[[nodiscard]] bool started_with_ulfm();

/// Is a command with these settings to survive the death of ranks where it is srun that starts
/// them, which has no --with-ft? That is so where ULFM is compiled in, unless the setting `survive`
/// is off, here or from anywhere else, or somebody switched ULFM off (OMPI_MCA_mpi_ft_enable=0).
/// `settings` is the text of the call.
[[nodiscard]] bool survives_under_srun(std::string_view settings);

/// To be called before MPI_Init. In a job that was started with ULFM, or is to `survive` under
/// srun, sets what is not set yet, and ignores SIGPIPE: it is what a survivor gets that still
/// writes to a connection of the dead. Changes nothing in other jobs, so that what they measure is
/// the MPI library as it is.
void prepare_launch_environment(bool survive = false);

/// What the MPI library can do about dead ranks here, as `splitcast info` tells it.
struct FaultTolerance {
    bool compiled = false;        ///< splitcast was built with ULFM
    std::optional<bool> enabled;  ///< MPI_Init would switch it on; nothing if that cannot be told
    std::vector<std::string_view> unset = {};  ///< launch settings that are not in the environment
    /// Under srun itself, where `copy` sees to all of it; whether that is switched off.
    enum class Srun { not_here, survives, off } srun = Srun::not_here;
};

/// One line: what there is, and what to do if that is not enough. `file` is the parameter set to
/// name.
[[nodiscard]] std::string describe(const FaultTolerance& state, std::string_view file);

/// Where the parameter set lies: beside this program where it was installed, else its bare name.
[[nodiscard]] std::string parameter_file();

}  // namespace splitcast::cli
