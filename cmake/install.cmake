# SPDX-License-Identifier: MIT
# The prefix is self-contained: the program finds share/splitup relative to its own place first.
if(TARGET splitup)
    install(TARGETS splitup RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    # Other names of the program: splitup-node is splitup node.
    foreach(verb node deploy)
        add_custom_command(TARGET splitup POST_BUILD
            COMMAND ${CMAKE_COMMAND} -E create_symlink splitup splitup-${verb}
            BYPRODUCTS "${CMAKE_BINARY_DIR}/splitup-${verb}" VERBATIM)
        install(FILES "${CMAKE_BINARY_DIR}/splitup-${verb}" TYPE BIN)
    endforeach()
endif()
file(GLOB files CONFIGURE_DEPENDS RELATIVE "${CMAKE_SOURCE_DIR}"
    "${CMAKE_SOURCE_DIR}/models/*/*.graph" "${CMAKE_SOURCE_DIR}/models/*/*.safetensors"
    "${CMAKE_SOURCE_DIR}/models/*/config.json" "${CMAKE_SOURCE_DIR}/models/*/*-ubyte")
foreach(file IN LISTS files)
    get_filename_component(folder "${file}" DIRECTORY)
    install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_DATADIR}/splitup/${folder}")
endforeach()
foreach(section 1 5 7)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/man/*.${section}")
    install(FILES ${files} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endforeach()
foreach(file README.md LICENSE)
    if(EXISTS "${CMAKE_SOURCE_DIR}/${file}")
        install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
    endif()
endforeach()
