#version 450
// SPDX-License-Identifier: MIT
// Product with a block-quantised weight for few rows.
#extension GL_GOOGLE_include_directive : require
#define TM 1
#define TN 2
#define NEIGHBOURS 0
#define BYTES false
#include "qmatmul.glsl"
