// SPDX-License-Identifier: MIT
// Sums in 32 virtual lanes: element i belongs to lane i mod 32, lanes join in a tree.
// FOR_LANES(STEP) writes STEP(0) to STEP(31) out, so that the lanes stay in registers whatever a
// driver thinks of the loop.

#define FOR_4(STEP, l) STEP(l) STEP(l + 1) STEP(l + 2) STEP(l + 3)
#define FOR_8(STEP, l) FOR_4(STEP, l) FOR_4(STEP, l + 4)
#define FOR_LANES(STEP) FOR_8(STEP, 0) FOR_8(STEP, 8) FOR_8(STEP, 16) FOR_8(STEP, 24)

float lanes_tree(float lane[32])
{
    for (int l = 0; l < 16; l++)
        lane[l] = lane[l] + lane[l + 16];
    for (int l = 0; l < 8; l++)
        lane[l] = lane[l] + lane[l + 8];
    for (int l = 0; l < 4; l++)
        lane[l] = lane[l] + lane[l + 4];
    lane[0] = lane[0] + lane[2];
    lane[1] = lane[1] + lane[3];
    return lane[0] + lane[1];
}
