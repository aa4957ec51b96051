# Compiler, warnings and link rules for every target, and the probe that refuses a compiler which miscompiles coroutines.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
add_compile_options(-fPIC) # programs too, so that what is precompiled serves both
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Installed programs find libcalbox beside them, wherever the prefix is.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

find_program(CALBOX_CCACHE ccache)
if(CALBOX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CALBOX_CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast)
option(CALBOX_WARNINGS_ARE_ERRORS "Stop at the first warning" OFF)
if(CALBOX_WARNINGS_ARE_ERRORS)
  add_compile_options(-Werror)
endif()

set(CALBOX_SANITIZE "" CACHE STRING "Sanitizers for every target, for example address,undefined")
if(CALBOX_SANITIZE)
  add_compile_options(-fsanitize=${CALBOX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CALBOX_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()

# Headers that are compiled once, for all targets that are compiled alike: up to half of the time that their sources take. No
# source relies on it: ./check --release builds without (CMAKE_DISABLE_PRECOMPILE_HEADERS). precompiled_headers(NAME HEADERS...)
# makes a target of them, to which the caller gives what they need; use_precompiled_headers(TARGET NAME) begins with them.
set(same_in_each_build $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
function(precompiled_headers name)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${source})
  target_precompile_headers(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE ${same_in_each_build})
endfunction()
function(use_precompiled_headers target name)
  target_precompile_headers(${target} REUSE_FROM ${name})
  target_compile_options(${target} PRIVATE ${same_in_each_build})
endfunction()

# With CALBOX_TOGETHER several sources of a target are compiled as one, which reads every header and instantiates every template
# once for all of them: a build from nothing takes half as long, that of one change longer. ./check builds so; ./check --release
# builds each for itself. Names in the anonymous namespaces of what is shipped differ within a folder, so that up to 24 are one.
# An optimised build inlines only what is small then: with -O1, which ./check takes, that halves the time of a source once more,
# and a random world takes a seventh longer. The sanitizers do not ask of each access whether its pointer is null or misaligned,
# a sixth of their build. What is installed, and what ./check --release tests, is built without all that.
option(CALBOX_TOGETHER "Compile sources of a target together, for builds from nothing" OFF)
if(CALBOX_TOGETHER AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("$<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:SHELL:-mllvm -inline-threshold=25>")
  if(CALBOX_SANITIZE)
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
endif()
function(compile_together target)
  set(sources 24)
  if(target MATCHES "^(unit|contract|sim)_")
    set(sources 12)
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${CALBOX_TOGETHER} UNITY_BUILD_BATCH_SIZE ${sources})
endfunction()

# A test waits for what it tests, and runs once for each time that it is built.
function(build_test_quickly target)
  target_compile_options(${target} PRIVATE -O0)
endfunction()

# What computes a little, or is used by a person, but is not what anybody's time goes to.
function(build_unhurried target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# Some compilers destroy a temporary twice when a co_await shares its full-expression (g++ 12.2 does): docs/architecture.md.
if(NOT DEFINED CALBOX_COROUTINE_PROBE)
  try_run(probe_run probe_build ${CMAKE_BINARY_DIR}/probe ${CMAKE_CURRENT_LIST_DIR}/coroutine_probe.cpp
    CXX_STANDARD 20 COMPILE_OUTPUT_VARIABLE probe_text)
  if(NOT probe_build OR NOT "${probe_run}" STREQUAL "0")
    message(FATAL_ERROR
      "${CMAKE_CXX_COMPILER} miscompiles C++20 coroutines (cmake/coroutine_probe.cpp did not pass). "
      "Use clang++-19: cmake --preset release, or -DCMAKE_CXX_COMPILER=clang++-19.\n${probe_text}")
  endif()
  set(CALBOX_COROUTINE_PROBE passed CACHE INTERNAL "")
endif()
