// SPDX-License-Identifier: MIT
/* widgets/labels: what the person who sits here calls addresses. A name of one's own is drawn in quotes,
   which no name from the chain gets. */
#ifndef SU_UI_LABELS_H
#define SU_UI_LABELS_H

#include "ui/ui.h"

#define UI_LABEL_MAX 20u /* characters of a name */
#define UI_LABELS_MAX 1000u
#define UI_LABEL_SHOWN (UI_LABEL_MAX + 3) /* in quotes, terminated */
struct ui_label {
    uint8_t key[32];
    char text[UI_LABEL_MAX + 1];
};
struct ui_labels { /* by key; zeroed: none */
    struct ui_label *item;
    size_t n;
};
void ui_labels_fini(struct ui_labels *l);
/* The name of an address; NULL: none. */
const char *ui_labels_find(const struct ui_labels *l, const uint8_t key[32]);
/* The address of that name, whatever its case; NULL: none. */
const struct ui_label *ui_labels_named(const struct ui_labels *l, const char *text);
/* Gives an address a name in place of its old one; "" takes it away. SU_EINVAL: not 1 to UI_LABEL_MAX
   letters, digits, "-", "_" or ".", or what could be taken for an address or a number; SU_EEXIST: another
   address has that name; SU_ELIMIT: more than UI_LABELS_MAX; SU_ENOMEM. On failure nothing changes. */
SU_CHECK enum su_code ui_labels_set(struct ui_labels *l, const uint8_t key[32], const char *text,
                                    struct su_err *e);
/* An address, or a name that is in the book, as a key; false: neither. */
bool ui_labels_resolve(const struct ui_labels *l, const char *text, uint8_t key[32]);

/* Lines "ADDRESS NAME"; blank ones and those that begin with "#" say nothing. A missing file is empty.
   SU_EFORMAT names file and line; SU_ELIMIT; errors of su_map_open. On failure *l is as it was. */
SU_CHECK enum su_code ui_labels_load(struct ui_labels *l, const char *path, struct su_err *e);
/* ui_labels_set in the file, whoever else has written to it meanwhile, and *l is what is in it then. The
   file is readable by its owner only, and either the old or the new one. Errors of ui_labels_load,
   ui_labels_set, su_file_write. */
SU_CHECK enum su_code ui_labels_change(struct ui_labels *l, const char *path, const uint8_t key[32],
                                       const char *text, struct su_err *e);

/* From now on this thread writes addresses by these names (ui_key_short) and finds them by them; NULL:
   as they are. Borrowed. */
void ui_labels_use(const struct ui_labels *l);
/* The name that this thread writes, in quotes; NULL: none. */
const char *ui_label_of(const uint8_t key[32], char out[UI_LABEL_SHOWN]);
/* The text with the name behind each address in it that has one; what does not fit is cut. */
void ui_labels_beside(char *out, size_t cap, const char *text);

#endif
