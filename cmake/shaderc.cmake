# SPDX-License-Identifier: MIT
# Debian 12's shared libshaderc leaves glslang symbols undefined, so the static archives are linked
# as one group. shaderc is optional: without it SU_HAVE_SHADERC is not defined.
function(su_link_shaderc target)
    set(archives "")
    foreach(name shaderc_combined glslang MachineIndependent OSDependent OGLCompiler
            GenericCodeGen HLSL SPIRV SPIRV-Tools-opt SPIRV-Tools)
        find_library(SU_LIB_${name} NAMES lib${name}.a)
        mark_as_advanced(SU_LIB_${name})
        if(SU_LIB_${name})
            list(APPEND archives "${SU_LIB_${name}}")
        elseif(name STREQUAL "shaderc_combined")
            message(STATUS "shaderc not found: no fusing at run time (./dev deps installs it)")
            return()
        endif()
    endforeach()
    target_link_libraries(${target} PRIVATE -Wl,--start-group ${archives}
        -lstdc++ -lm -Wl,--end-group)
    target_compile_definitions(${target} PRIVATE SU_HAVE_SHADERC=1)
endfunction()
