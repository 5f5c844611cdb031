// SPDX-License-Identifier: MIT
/* widgets/format: how values are written, the same in every pane. Unknown values are "?", values that
   do not apply "-". All return out, of UI_FORMAT bytes. */
#ifndef SU_UI_FORMAT_H
#define SU_UI_FORMAT_H

#include "ui/ui.h"

#define UI_FORMAT 72

const char *ui_key_full(const uint8_t key[32], char *out); /* base58; "-" when all bytes are zero */
const char *ui_key_cut(const uint8_t key[32], char *out); /* "7Qx9..k3Fd" */
const char *ui_key_short(const uint8_t key[32], char *out); /* its name, "'cold'", or cut */
const char *ui_key_named(const uint8_t key[32], char *out); /* in full, its name behind it */
const char *ui_hash_short(const uint8_t hash[32], char *out); /* "91c0..77" hex; "-" when zero */
bool ui_key_zero(const uint8_t key[32]);
/* "1,250.000000": millionths with decimals digits after the point, cut, never rounded up. */
const char *ui_money(uint64_t micro, int decimals, char *out);
const char *ui_sol(uint64_t lamports, char *out); /* six decimals, cut */
const char *ui_count(uint64_t n, char *out); /* "1,250"; "?" for SU_FEED_UNKNOWN */
const char *ui_count_short(uint64_t n, char *out); /* "8.0B", "812M", "1.2k" */
const char *ui_bytes(uint64_t n, char *out); /* "812 MB" */
const char *ui_rate_ppm(uint64_t ppm, char *out); /* "8.00%" */
const char *ui_ms(uint64_t ms, char *out); /* "38", "1.2s", "4m10" ; "?" for UINT32_MAX or more */
/* Time between two wall clocks: "0.4s", "41s", "1m12", "3h04", "2d3h"; "-" for INT64_MIN. */
const char *ui_age(int64_t now_ms, int64_t then_ms, char *out);
const char *ui_clock(int64_t wall_ms, char *out); /* "12:04:31" local time */

#endif
