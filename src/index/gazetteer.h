/*
 * gazetteer.h - known names, to be recognised in texts: the longest that stands there, whole words only.
 *
 * A name is a sequence of words, as the tokeniser gives them; the table holds every beginning of every name,
 * so that at each word of a text only as many look-ups are made as a name that begins there has words: linear
 * in the text. Names of more than GAZETTEER_WORDS_MAX words, and those in scripts without spaces, whose words
 * the tokeniser does not know, are left out. A "'s" behind a name does not count. What separates words in
 * texts, such as a comma, only stands inside a name that is written with it: "Portland, Oregon".
 *
 * It lies in sections of an image. Reading: any thread. Building: one thread.
 */
#ifndef STORYD_INDEX_GAZETTEER_H
#define STORYD_INDEX_GAZETTEER_H

#include "article/article.h"
#include "index/dictionary.h"

#define GAZETTEER_WORDS_MAX 8
#define GAZETTEER_LETTERS_MIN 4 /* of a name of one word */
/* A name of one word is an ordinary word if its stem is in this many times as many documents as the name. */
#define GAZETTEER_ORDINARY 10
#define GAZETTEER_SECTIONS (2 * DICTIONARY_SECTIONS + 1)

struct gazetteer {
    struct dictionary sequences; /* words with a blank between them, or a comma where they are separated */
    const uint32_t *numbers; /* for each: of the name that it is, in `names`; DICTIONARY_NONE: a beginning */
    struct dictionary names; /* Xapian terms, and how they are shown */
};

/* A name of an entity. Texts are borrowed. */
struct gazetteer_name {
    enum name_kind kind;
    const char *term; /* Xapian term, with its prefix */
    size_t length;
    const char *display;
    size_t display_length;
};

/* Reads the sections from `first_section` on. False if they do not fit together. */
bool gazetteer_open(const struct image *image, uint32_t first_section, struct gazetteer *gazetteer);

/* Memory that is kept from one text to the next: zero-initialise. */
struct gazetteer_scratch {
    struct buffer words;
    struct buffer starts;  /* struct word_start */
    struct buffer matches; /* struct match */
    struct buffer taken;   /* for each word: 1 if it is one of a name */
};
void gazetteer_scratch_release(struct gazetteer_scratch *scratch);

/* Calls `each` for the names in a normalised text, in its order, as often as they occur; those that overlap a
 * longer one, or one as long that began before, are not there. Names borrow their texts from the gazetteer.
 */
typedef void (*gazetteer_function)(void *context, const struct gazetteer_name *name);
void gazetteer_find(const struct gazetteer *gazetteer, struct gazetteer_scratch *scratch, const char *text,
                    size_t length, gazetteer_function each, void *context);

struct language;
struct gazetteer_builder {
    struct dictionary_builder sequences;
    struct dictionary_builder names;
    struct buffer numbers;     /* uint32_t, as in the image */
    struct buffer frequencies; /* uint32_t: of the name behind each number */
    struct gazetteer_scratch scratch;
    const struct language *language; /* whose stop words and stems */
    struct stemmer_set *stemmers;
    /* In how many documents a stem is. */
    uint32_t (*stem_frequency)(void *context, const char *stem, size_t length);
    void *context;
};
void gazetteer_builder_init(struct gazetteer_builder *builder, const struct language *language,
                            uint32_t (*stem_frequency)(void *, const char *, size_t), void *context);
void gazetteer_builder_release(struct gazetteer_builder *builder);
/*
 * Adds a name that `frequency` documents have, if a text can be trusted with it: not one of a single word of
 * fewer than GAZETTEER_LETTERS_MIN letters, not an ordinary word, and not stop words only. Of several names
 * with the same words the most frequent one is kept.
 */
void gazetteer_builder_add(struct gazetteer_builder *builder, const struct gazetteer_name *name,
                           uint32_t frequency);
/* Adds the sections. */
void gazetteer_builder_write(struct gazetteer_builder *builder, struct image_builder *image);

#endif
