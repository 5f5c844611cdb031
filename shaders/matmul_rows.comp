#version 450
// SPDX-License-Identifier: MIT
// Matrix product for many rows: neighbouring lanes take neighbouring rows of x and share the
// weights.
#extension GL_GOOGLE_include_directive : require
#define LANES_M 1
#define TM 2
#define TN 8
#include "matmul.glsl"
