# SPDX-License-Identifier: MIT
# One folder = one module = one static library su_<module>. The table itself is in CMakeLists.txt.
include(shaderc)

# su_module declares a module and its edges, and builds its library if the folder has sources.
# Files in a module's tool/ folder are programs that run during the build, not part of the library;
# sbf_entry.c is of the on-chain program only (program.cmake).
function(su_module name)
    get_property(known GLOBAL PROPERTY SU_KNOWN)
    foreach(edge IN LISTS ARGN)
        if(NOT edge IN_LIST known AND NOT edge STREQUAL "base/free.h")
            message(FATAL_ERROR "su_module(${name}): edge '${edge}' is not a row above it")
        endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY SU_KNOWN ${name})

    set(dir "${CMAKE_SOURCE_DIR}/src/${name}")
    if(name STREQUAL "ui")
        set(dir "${CMAKE_SOURCE_DIR}/ui")
    endif()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${dir}/*.c")
    list(FILTER sources EXCLUDE REGEX "/tool/|/sbf_entry\\.c$")
    if(NOT sources)
        return()
    endif()
    su_isa_sources(sources ${sources})
    add_library(su_${name} STATIC ${sources})
    su_product_flags(su_${name})
    if(name STREQUAL "exec" AND SU_FUZZ)
        set_source_files_properties("${dir}/spirv.c" PROPERTIES COMPILE_OPTIONS
            -fsanitize=fuzzer-no-link)
    endif()
    foreach(edge IN LISTS ARGN)
        if(TARGET su_${edge})
            target_link_libraries(su_${name} PUBLIC su_${edge})
        endif()
    endforeach()
    if(name STREQUAL "model")
        target_compile_definitions(su_model PRIVATE
            "SU_DATA_DIR=\"${CMAKE_INSTALL_FULL_DATADIR}/splitup\""
            "SU_SOURCE_DATA_DIR=\"${CMAKE_SOURCE_DIR}\"")
    endif()
    set_property(GLOBAL APPEND PROPERTY SU_PRESENT ${name})
endfunction()

# su_third_party links a system library to the modules that are allowed to use it; an owner may be
# a folder within a module.
function(su_third_party pkg headers)
    foreach(owner IN LISTS ARGN)
        string(REGEX REPLACE "/.*" "" name "${owner}")
        if(NOT TARGET su_${name})
            continue()
        endif()
        if(pkg STREQUAL "shaderc")
            su_link_shaderc(su_${name})
            continue()
        endif()
        if(NOT TARGET PkgConfig::SU_${pkg})
            pkg_check_modules(SU_${pkg} QUIET IMPORTED_TARGET ${pkg})
            if(NOT SU_${pkg}_FOUND)
                message(FATAL_ERROR
                    "module ${name} needs ${pkg}, which pkg-config does not know: run ./dev deps")
            endif()
        endif()
        target_link_libraries(su_${name} PRIVATE PkgConfig::SU_${pkg})
    endforeach()
endfunction()

function(su_link_all_modules target)
    get_property(present GLOBAL PROPERTY SU_PRESENT)
    list(TRANSFORM present PREPEND su_)
    target_link_libraries(${target} PRIVATE ${present})
endfunction()

# su_modules_of_sources sets out to the su_<module> and test support libraries that the sources
# name in #include "x/y.h".
function(su_modules_of_sources out)
    set(found "")
    foreach(file IN LISTS ARGN)
        file(STRINGS "${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*\"[a-z0-9_]+/")
        foreach(line IN LISTS lines)
            string(REGEX REPLACE "^[^\"]*\"([a-z0-9_]+)/([^\".]*).*" "\\1;\\2" parts "${line}")
            list(GET parts 0 folder)
            list(GET parts 1 stem)
            if(folder STREQUAL "support")
                list(APPEND found su_support_${stem})
            else()
                list(APPEND found su_${folder})
            endif()
        endforeach()
    endforeach()
    list(REMOVE_DUPLICATES found)
    set(${out} "${found}" PARENT_SCOPE)
endfunction()
