# calbox_add_plugin(NAME KIND sources...): one strategy as a shared library that is found and loaded by name.
# KIND is discovery, consensus, storage or recovery. Used in the tree and, from the installed package, by other projects.
function(calbox_add_plugin name kind)
  set(target calbox_${kind}_${name})
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE calbox::calbox)
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins/${kind})
  target_link_options(${target} PRIVATE -Wl,-z,now -Wl,-z,nodelete)
  if(NOT CALBOX_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  if(DEFINED CMAKE_INSTALL_LIBDIR)
    install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/calbox/plugins/${kind})
  endif()
endfunction()
