# SPDX-License-Identifier: MIT
# The program a second time, with nodes and oracles that misbehave when $SPLITUP_FAULT says how
# (src/node/fault.h, src/oracle/fault.h): for tests/e2e/faults.sh. Never installed. Their sources are
# compiled into the program itself, so that nothing is taken from the libraries of the real ones.
if(NOT TARGET splitup OR NOT TARGET su_node OR NOT TARGET su_oracle)
    return()
endif()
file(GLOB_RECURSE files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/node/*.c"
    "${CMAKE_SOURCE_DIR}/src/oracle/*.c")
add_executable(splitup-faulty src/main.c ${files})
su_product_flags(splitup-faulty)
target_compile_definitions(splitup-faulty PRIVATE SU_FAULTS)
su_link_all_modules(splitup-faulty)
# In a folder of its own under the program's name: splitup-faulty would be the verb "faulty".
set_target_properties(splitup-faulty PROPERTIES OUTPUT_NAME splitup
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/faulty")
# ./dev test runs no end-to-end test under sanitizers; who wants to builds this first.
if(SU_SAN)
    set_target_properties(splitup-faulty PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
