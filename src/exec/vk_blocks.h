// SPDX-License-Identifier: MIT
// Numbers of the block-quantised types, those of enum su_dtype, and how their rows lie in memory;
// read by C and by GLSL.
#ifndef SU_EXEC_VK_BLOCKS_H
#define SU_EXEC_VK_BLOCKS_H

#define SU_BLOCK_Q4_0 6
#define SU_BLOCK_Q4_1 7
#define SU_BLOCK_Q5_0 8
#define SU_BLOCK_Q5_1 9
#define SU_BLOCK_Q8_0 10
#define SU_BLOCK_Q4_K 11
#define SU_BLOCK_Q5_K 12
#define SU_BLOCK_Q6_K 13

#define SU_BLOCK_ROWS 64u // of a weight that take turns in memory
// Place of row number `turn` of those among their quants, so that the eight lanes of a device that
// give eight rows in a row to each read what lies together, as do 64 lanes with a row each.
#define SU_BLOCK_TURN(turn) (((turn)&7u) * 8u + ((turn) >> 3))

#endif
