# SPDX-License-Identifier: MIT
# Kernels: shaders/*.comp -> glslc -> spvtool (checks, patches) -> one C file in the build folder,
# part of su_exec. Never with -O: the optimiser drops NoContraction where it unrolls a loop.
if(NOT TARGET su_exec)
    return()
endif()
find_program(SU_GLSLC glslc)
if(NOT SU_GLSLC)
    message(FATAL_ERROR "module exec needs glslc: run ./dev deps")
endif()

add_executable(spvtool "${CMAKE_SOURCE_DIR}/src/exec/tool/spvtool.c"
    "${CMAKE_SOURCE_DIR}/src/exec/spirv.c")
target_link_libraries(spvtool PRIVATE su_base)
target_include_directories(spvtool PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/src/exec")

set(out "${CMAKE_BINARY_DIR}/shaders")
file(MAKE_DIRECTORY "${out}")
file(GLOB kernels CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/shaders/*.comp")
file(GLOB texts CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/shaders/*.glsl")
list(APPEND texts "${CMAKE_SOURCE_DIR}/src/exec/vk_opcodes.h")
set(modules "")
foreach(file IN LISTS kernels)
    get_filename_component(name "${file}" NAME_WE)
    add_custom_command(OUTPUT "${out}/${name}.spv"
        COMMAND "${SU_GLSLC}" --target-env=vulkan1.1 -I "${CMAKE_SOURCE_DIR}/shaders"
            -I "${CMAKE_SOURCE_DIR}/src/exec" "${file}" -o "${out}/${name}.spv"
        DEPENDS "${file}" ${texts} VERBATIM)
    list(APPEND modules "${out}/${name}.spv")
endforeach()
add_custom_command(OUTPUT "${out}/vk_modules.c"
    COMMAND spvtool "${out}/vk_modules.c" ${modules} ${texts}
    DEPENDS spvtool ${modules} ${texts} VERBATIM)
target_sources(su_exec PRIVATE "${out}/vk_modules.c")
set_source_files_properties("${out}/vk_modules.c" PROPERTIES
    COMPILE_OPTIONS "-I${CMAKE_SOURCE_DIR}/src/exec")
