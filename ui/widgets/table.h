// SPDX-License-Identifier: MIT
/* widgets/table: a list or tree over a snapshot. A pane describes its columns and rows once; drawing,
   sorting, filtering, searching and printing follow from that. The order of rows is worked out when
   the snapshot or the wishes change, not when drawing. */
#ifndef SU_UI_TABLE_H
#define SU_UI_TABLE_H

#include "ui/term/grid.h"
#include "ui/ui.h"

struct ui_view {
    const struct su_feed_snapshot *s;
    int64_t wall_ms;
    unsigned variant; /* of a pane: which of its lists; what it shows only */
};
struct ui_row {
    uint32_t item; /* number in the source */
    uint32_t sub; /* 0 = the item, else child sub - 1 of it */
};
struct ui_id { /* names a row across snapshots */
    uint8_t b[36];
};
enum ui_col_kind {
    UI_COL_TEXT,
    UI_COL_NUMBER,
    UI_COL_BAR,
    UI_COL_STATE /* may be another by now when the chain does not answer */
};
struct ui_value {
    char text[256];
    enum ui_role role; /* TEXT unless it matters */
    uint64_t part, whole; /* BAR */
};
struct ui_col {
    const char *id, *head; /* for scripts; for people */
    uint8_t width; /* without the blank before it */
    uint8_t priority; /* 0 always shown; larger ones go first when it is narrow */
    bool flex, right; /* takes what width is left; right aligned */
    enum ui_col_kind kind;
    /* full: as a script wants it: whole keys, plain numbers, "" for unknown. */
    void (*cell)(const struct ui_view *v, struct ui_row r, bool full, struct ui_value *out);
    uint64_t (*key)(const struct ui_view *v, uint32_t item); /* to sort by; NULL: by its text */
};
struct ui_source {
    const struct ui_col *col;
    size_t n_col;
    int sort; /* at first; -1 = as the snapshot has it */
    bool desc;
    size_t (*count)(const struct ui_view *v);
    void (*id)(const struct ui_view *v, struct ui_row r, struct ui_id *out);
    size_t (*children)(const struct ui_view *v, uint32_t item); /* NULL = none */
    bool (*shown)(const struct ui_view *v, uint32_t item); /* NULL = all */
    /* Whether an item has needle, whatever its case, in what it shows; NULL: in its cells. */
    bool (*match)(const struct ui_view *v, uint32_t item, const char *needle);
    bool (*alert)(const struct ui_view *v, struct ui_row r); /* NULL = never */
};

/* What rows are made of. */
struct ui_wish {
    const struct su_feed_snapshot *s;
    uint64_t number; /* the snapshot's */
    unsigned variant;
    int sort;
    bool desc;
    char filter[64];
};

struct ui_find { /* a search that is under way */
    bool on;
    int by;
    size_t from, done; /* the row it began at; rows looked at since */
    char text[64];
};

#define UI_TABLE_OPEN 128u
#define UI_TABLE_TAGS 256u
struct ui_build;
struct ui_table {
    const struct ui_source *source;
    int sort; /* column, -1 = as the snapshot has it */
    bool desc, all_open, follow; /* follow: stay at the last row */
    char filter[64];
    struct ui_row *row;
    size_t n, cap;
    size_t items; /* shown before the filter */
    size_t matching; /* items after it */
    size_t cursor, top;
    bool selected; /* selected_id is meaningful */
    struct ui_id selected_id;
    struct ui_id open[UI_TABLE_OPEN], tag[UI_TABLE_TAGS];
    size_t n_open, n_tag;
    bool failed; /* out of memory: rows are missing */
    struct ui_wish made; /* what the rows were made of */
    struct ui_build *build; /* others that are under way; NULL: none */
    bool dirty; /* what made does not tell has changed */
    struct ui_find find;
};

void ui_table_init(struct ui_table *t, const struct ui_source *source);
void ui_table_fini(struct ui_table *t);
/* Brings rows up to date with the view and keeps the selection on its row; page: rows visible. What
   takes more than so many units of work goes on with the next call whose slice is set, and the rows are
   what they were until then: false. */
#define UI_TABLE_SLICE 120000u /* about 3 ms */
bool ui_table_update(struct ui_table *t, const struct ui_view *v, int page, size_t units,
                     bool slice);
/* Whether the rows are of that snapshot, so that they can be drawn from it. */
bool ui_table_is_of(const struct ui_table *t, const struct su_feed_snapshot *s);
void ui_table_clear(struct ui_table *t); /* of rows; what is selected stays so */
struct ui_wish ui_table_wish(const struct ui_table *t, const struct ui_view *v);
bool ui_wish_same(const struct ui_wish *a, const struct ui_wish *b);
/* The selected row; false: none. */
bool ui_table_row(const struct ui_table *t, struct ui_row *out);
void ui_table_move(struct ui_table *t, const struct ui_view *v, int64_t by); /* clamps */
void ui_table_go(struct ui_table *t, const struct ui_view *v, size_t to);
void ui_table_sort(struct ui_table *t, int column, bool desc);
void ui_table_filter(struct ui_table *t, const char *text);
/* Looks for the next (by = 1) or previous item that has the text, round the end; from: the row to begin
   at, itself included. ui_table_find_work goes on for about that many units of work, and moves to what
   it finds; rows that are made anew meanwhile are looked through from there again. Who moves, filters,
   or looks for "", has done with it. */
enum ui_found { UI_FOUND_NOT, UI_FOUND, UI_FOUND_LATER };
void ui_table_find(struct ui_table *t, const char *text, int by, size_t from);
enum ui_found ui_table_find_work(struct ui_table *t, const struct ui_view *v, size_t units);
/* Opens, folds (want 1, 0) or toggles (-1) the selected item; false: it has no children. */
bool ui_table_fold(struct ui_table *t, const struct ui_view *v, int want);
void ui_table_tag(struct ui_table *t, const struct ui_view *v);
bool ui_table_tagged(const struct ui_table *t, const struct ui_view *v, struct ui_row r);
bool ui_table_is_open(const struct ui_table *t, const struct ui_view *v, uint32_t item);
bool ui_table_match(const struct ui_source *src, const struct ui_view *v, uint32_t item,
                    const char *needle);
/* Whether text has needle (lower case) in it, whatever its own case. */
bool ui_match_text(const char *text, const char *needle);
/* The same of a key's text, spelled out only when the needle could be in one. */
bool ui_match_key(const uint8_t key[32], const char *needle);

/* Column under x when drawn at that width, -1 = none. */
int ui_table_column_at(const struct ui_table *t, int w, int x);
void ui_table_draw_head(const struct ui_table *t, struct ui_area a);
/* What the table takes of the area; sets the cursor on the selected row. focused: of the screen. */
void ui_table_draw(const struct ui_table *t, const struct ui_view *v, struct ui_area a,
                   bool focused);

#endif
