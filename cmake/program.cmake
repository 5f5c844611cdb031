# SPDX-License-Identifier: MIT
# The on-chain program: the same sources that su_abi and su_program are made of, with sbf_entry.c in
# place of the host's side of sys.h, as an image for Solana's virtual machine.
#
#   ninja program   ->  program/splitup.so (version 3), program/splitup.v0.so (for older runtimes)
#
# clang makes bitcode of each source, llvm-link joins it, opt drops what nothing calls, clang makes
# one object, splitup-sbf-ld an image. No optimisation across sources: it would merge stack frames,
# and more than 512 bytes in one frame is an error. If SU_SOLANA_TOOLS or $SOLANA_TOOLS names the
# folder of Solana's own platform tools, their clang and lld are used instead.
if(NOT TARGET su_sbf OR NOT EXISTS "${CMAKE_SOURCE_DIR}/src/program/sbf_entry.c")
    return()
endif()

add_executable(splitup-sbf-ld "${CMAKE_SOURCE_DIR}/src/sbf/tool/splitup_sbf_ld.c")
target_link_libraries(splitup-sbf-ld PRIVATE su_sbf)

set(SU_SOLANA_TOOLS "$ENV{SOLANA_TOOLS}" CACHE PATH
    "Folder of Solana's platform tools, which holds llvm/bin (empty: clang for BPF)")

# A clang that knows BPF, with the LLVM tools of its own version.
set(SU_BPF_MISSING "")
if(NOT SU_SOLANA_TOOLS AND NOT SU_BPF_CLANG)
    foreach(name clang-14 clang-15 clang-16 clang clang-17 clang-18 clang-19)
        find_program(candidate ${name} NO_CACHE)
        if(NOT candidate)
            continue()
        endif()
        file(WRITE "${CMAKE_BINARY_DIR}/program/try.c" "int entrypoint(void) { return 0; }\n")
        execute_process(COMMAND "${candidate}" -target bpf -mcpu=v2 -c try.c -o try.o
            WORKING_DIRECTORY "${CMAKE_BINARY_DIR}/program" RESULT_VARIABLE rc
            OUTPUT_QUIET ERROR_QUIET)
        set(found TRUE)
        foreach(tool llvm-link opt)
            execute_process(COMMAND "${candidate}" -print-prog-name=${tool}
                OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
            if(NOT EXISTS "${path}")
                set(found FALSE)
            endif()
            string(MAKE_C_IDENTIFIER "${tool}" id)
            set(tool_${id} "${path}")
        endforeach()
        if(rc EQUAL 0 AND found)
            set(SU_BPF_CLANG "${candidate}" CACHE FILEPATH "clang with the BPF target")
            set(SU_BPF_LINK "${tool_llvm_link}" CACHE FILEPATH "llvm-link of its version")
            set(SU_BPF_OPT "${tool_opt}" CACHE FILEPATH "opt of its version")
            break()
        endif()
        unset(candidate)
    endforeach()
endif()
if(NOT SU_SOLANA_TOOLS AND NOT SU_BPF_CLANG)
    set(SU_BPF_MISSING
        "no clang with the BPF target and llvm-link, opt beside it: ./dev deps installs them")
    message(STATUS "program: ${SU_BPF_MISSING}")
endif()

set(SU_BPF_FLAGS -O2 -std=gnu11 -ffreestanding -fno-builtin -Wall -Wextra -Wpedantic -Wshadow
    -Wconversion -Wvla -Werror "-I${CMAKE_SOURCE_DIR}/src" "-I${CMAKE_SOURCE_DIR}")

# Compiles each source by the command in the list variable `command_list` into a file of `dir`;
# sets `out` to these files.
function(su_bpf_compile dir command_list out)
    set(objects "")
    file(MAKE_DIRECTORY "${dir}")
    foreach(source IN LISTS ARGN)
        file(RELATIVE_PATH stem "${CMAKE_SOURCE_DIR}" "${source}")
        string(MAKE_C_IDENTIFIER "${stem}" stem)
        set(object "${dir}/${stem}.o")
        add_custom_command(OUTPUT "${object}"
            COMMAND ${${command_list}} ${SU_BPF_FLAGS} -MD -MF "${object}.d" -c "${source}"
                -o "${object}"
            DEPENDS "${source}" DEPFILE "${object}.d" VERBATIM)
        list(APPEND objects "${object}")
    endforeach()
    set(${out} "${objects}" PARENT_SCOPE)
endfunction()

function(su_solana_image name cpu image)
    set(compile "${SU_SOLANA_TOOLS}/llvm/bin/clang" -target sbf -mcpu=${cpu} -fPIC)
    su_bpf_compile("${CMAKE_BINARY_DIR}/program/${name}.${cpu}" compile objects ${ARGN})
    add_custom_command(OUTPUT "${image}"
        COMMAND "${SU_SOLANA_TOOLS}/llvm/bin/ld.lld" -z notext -shared --Bdynamic
            --entry entrypoint ${objects} -o "${image}"
        DEPENDS ${objects} COMMENT "Linking ${name} with Solana's tools" VERBATIM)
endfunction()

# su_bpf_image(<target> <name> <sources...>) adds the target that makes program/<name>.so and
# program/<name>.v0.so.
function(su_bpf_image target name)
    set(dir "${CMAKE_BINARY_DIR}/program")
    set(image "${dir}/${name}")
    if(SU_BPF_MISSING)
        add_custom_target(${target} COMMAND "${CMAKE_COMMAND}" -E echo "${name}: ${SU_BPF_MISSING}"
            COMMAND "${CMAKE_COMMAND}" -E false VERBATIM)
        return()
    endif()
    if(SU_SOLANA_TOOLS)
        su_solana_image(${name} v3 "${image}.so" ${ARGN})
        su_solana_image(${name} v0 "${image}.v0.so" ${ARGN})
        add_custom_target(${target} DEPENDS "${image}.so" "${image}.v0.so")
        return()
    endif()
    set(compile "${SU_BPF_CLANG}" -target bpf -mcpu=v2 -emit-llvm)
    su_bpf_compile("${dir}/${name}" compile objects ${ARGN})
    add_custom_command(OUTPUT "${image}.o"
        COMMAND "${SU_BPF_LINK}" ${objects} -o "${dir}/${name}/linked.bc"
        COMMAND "${SU_BPF_OPT}" -passes=internalize,globaldce
            -internalize-public-api-list=entrypoint "${dir}/${name}/linked.bc"
            -o "${dir}/${name}/used.bc"
        COMMAND "${SU_BPF_CLANG}" -target bpf -mcpu=v2 -O2 -Werror -Xclang -disable-llvm-passes
            -c "${dir}/${name}/used.bc" -o "${image}.o"
        DEPENDS ${objects} COMMENT "Compiling ${name} for BPF" VERBATIM)
    add_custom_command(OUTPUT "${image}.so" "${image}.v0.so"
        COMMAND splitup-sbf-ld "${image}.o" -o "${image}.so"
        COMMAND splitup-sbf-ld -v0 "${image}.o" -o "${image}.v0.so"
        DEPENDS splitup-sbf-ld "${image}.o" COMMENT "Linking ${name}.so" VERBATIM)
    add_custom_target(${target} DEPENDS "${image}.so" "${image}.v0.so")
endfunction()

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/abi/*.c"
    "${CMAKE_SOURCE_DIR}/src/program/*.c")
su_bpf_image(program splitup ${sources})
