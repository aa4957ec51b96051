# calbox_add_plugin(NAME KIND sources...): one strategy as a shared library that is found and loaded by name.
# KIND is discovery, consensus, storage or recovery. Used in the tree and, from the installed package, by other projects.
function(calbox_add_plugin name kind)
  if(NOT kind MATCHES "^(discovery|consensus|storage|recovery)$" OR NOT name MATCHES "^[a-z0-9_]+$")
    message(FATAL_ERROR "calbox_add_plugin(${name} ${kind}): a name is of a-z, 0-9 and _, a kind is one of the four")
  endif()
  set(target calbox_${kind}_${name})
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE calbox::calbox)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins/${kind})
  # A private library that is linked statically stays private.
  target_link_options(${target} PRIVATE -Wl,-z,now -Wl,-z,nodelete -Wl,--exclude-libs,ALL)
  if(NOT CALBOX_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # The loader refuses what others may write to, and some people's umask lets their group.
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND chmod go-w $<TARGET_FILE:${target}> ${CMAKE_BINARY_DIR}/plugins ${CMAKE_BINARY_DIR}/plugins/${kind})
  if(DEFINED CMAKE_INSTALL_LIBDIR)
    install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/calbox/plugins/${kind})
  endif()
endfunction()
