# The settings of Open MPI that survivors need are written down once, in share/splitcast-ft.conf. From it are made: a
# script for sh that puts them into the environment, and the rows of a C++ table for the command.

set(SPLITCAST_FT_CONF ${PROJECT_SOURCE_DIR}/share/splitcast-ft.conf)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${SPLITCAST_FT_CONF})
file(READ ${SPLITCAST_FT_CONF} settings)
string(REGEX REPLACE "^(#[^\n]*\n)+\n" "" settings "${settings}") # how to use that file

string(REGEX REPLACE "\n([a-z_]+)=([^\n]*)"
  "\nexport OMPI_MCA_\\1=\"\${OMPI_MCA_\\1-\\2}\"" exports "${settings}")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/splitcast-env.sh @ONLY CONTENT
[=[# Settings of Open MPI 5 with which the survivors of a failed rank can go on and end, for sh. Use:
#
#   . PREFIX/share/splitcast/splitcast-env.sh
#   mpirun --with-ft ulfm -n 64 ./program
#
# What is set already stays as it is. mpirun hands OMPI_MCA_... on to all ranks.

# ULFM itself. mpirun wants --with-ft ulfm besides, so that it does not end the job when a rank dies.
export OMPI_MCA_mpi_ft_enable="${OMPI_MCA_mpi_ft_enable-1}"

@exports@]=])

string(REGEX MATCHALL "\n[a-z_]+=[^\n]*" rows "${settings}")
list(TRANSFORM rows REPLACE "\n([a-z_]+)=(.*)" "{\"\\1\", \"\\2\"},\n")
list(JOIN rows "" rows)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/launch_settings.inc CONTENT "${rows}" @ONLY)

install(FILES ${SPLITCAST_FT_CONF} ${PROJECT_BINARY_DIR}/splitcast-env.sh
        DESTINATION ${CMAKE_INSTALL_DATADIR}/splitcast)
