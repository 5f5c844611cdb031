#version 450
// SPDX-License-Identifier: MIT
// Matrix product for few rows: neighbouring lanes take neighbouring rows of the weight and share x.
#extension GL_GOOGLE_include_directive : require
#define LANES_M 0
#define TM 2
#define TN 2
#include "matmul.glsl"
