#version 450
// SPDX-License-Identifier: MIT
// Product with a block-quantised weight for few rows on a software device: long
// streams of weights, each word of x fetched once for eight of them.
#extension GL_GOOGLE_include_directive : require
#define TM 1
#define TN 8
#define NEIGHBOURS 1
#define BYTES true
#include "qmatmul.glsl"
