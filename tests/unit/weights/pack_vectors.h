// SPDX-License-Identifier: MIT
// Made by make_pack_vectors.py with gguf 0.19.0.
#include "weights/weights.h"

static const struct {
    enum su_dtype dtype;
    const char *sha256; /* of the blocks; F32: of the floats */
} vectors[] = {
    {SU_F32, "c321c698072fc050432fb0c34793a2f379d3772456427266139584bd248b1944"},
    {SU_Q8_0, "491bfd5bcea7a79c3d07c8d3142caadcddf0eb70f9d5648a0d34dbbc1297fc07"},
    {SU_Q4_0, "72d95ad884febf1c4e89855793847af344d2c13cd68f9b24df712197cf39a7fb"},
    {SU_Q4_1, "a75df1047798b18d5a8eaa66e6b8cc3b06eb625a721476425e187af3887a93a0"},
};
static const char halves_sha256[] =
    "43483b1388bb56571065a0b745a8bffce97e0f6f772a16ac1d8a9bba0d83a717";
