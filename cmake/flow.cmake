# The libraries that `make build` leaves in dist/, as targets: flow_static and flow_shared.
set(FLOW_DIST "${CMAKE_CURRENT_LIST_DIR}/../dist" CACHE PATH "Where lib/ and include/ of libflow are")

# What rustc says a program needs beside the archive (`--print native-static-libs`).
find_package(Threads REQUIRED)
add_library(flow_static STATIC IMPORTED GLOBAL)
set_target_properties(flow_static PROPERTIES
  IMPORTED_LOCATION "${FLOW_DIST}/lib/libflow.a"
  INTERFACE_INCLUDE_DIRECTORIES "${FLOW_DIST}/include"
  INTERFACE_LINK_LIBRARIES "Threads::Threads;m;dl;gcc_s")

add_library(flow_shared SHARED IMPORTED GLOBAL)
set_target_properties(flow_shared PROPERTIES
  IMPORTED_LOCATION "${FLOW_DIST}/lib/libflow.so"
  INTERFACE_INCLUDE_DIRECTORIES "${FLOW_DIST}/include")
