# SPDX-License-Identifier: MIT
# Files under models/ that programs of ours write. They are checked in; "ninja mnist-graph" renews
# models/mnist/mnist.graph, and a test of model holds it to the bytes of su_model_mnist_graph.
if(TARGET su_model)
    add_executable(make_mnist_graph EXCLUDE_FROM_ALL
        "${CMAKE_SOURCE_DIR}/src/model/tool/make_mnist_graph.c")
    target_link_libraries(make_mnist_graph PRIVATE su_model)
    add_custom_target(mnist-graph
        COMMAND make_mnist_graph "${CMAKE_SOURCE_DIR}/models/mnist/mnist.graph"
        COMMENT "Writing models/mnist/mnist.graph" VERBATIM)
endif()
