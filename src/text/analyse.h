/*
 * analyse.h - an article as Xapian terms with term frequencies and positions.
 *
 * Term names follow Omega: a stem has no prefix, a stem of the title is given again under "S", names are
 * boolean terms under the prefixes of enum term_field below. An analyser (stemmer cache and scratch memory)
 * belongs to one thread; the analysis it fills points into it and is valid until its next use.
 */
#ifndef STORYD_TEXT_ANALYSE_H
#define STORYD_TEXT_ANALYSE_H

#include "article/article.h"
#include "base/buffer.h"
#include "text/language.h"
#include "text/signature.h"

#include <stdint.h>

/* The fields with a term prefix of their own. The five name kinds come first, in the order of enum name_kind.
 */
enum term_field {
    FIELD_TAG,          /* K */
    FIELD_PERSON,       /* XPER */
    FIELD_ORGANIZATION, /* XORG */
    FIELD_PRODUCT,      /* XPRO */
    FIELD_PLACE,        /* XPLA */
    FIELD_CATEGORY,     /* XCAT */
    FIELD_AUTHOR,       /* A */
    FIELD_SOURCE,       /* XSRC */
    FIELD_LANGUAGE,     /* L */
    FIELD_SENTIMENT,    /* XSEN */
    FIELD_TITLE,        /* S: free text, stemmed */
    FIELD_COUNT
};

struct term_field_info {
    const char *prefix;     /* Omega term prefix */
    const char *query_key;  /* in the query language: "tag", "person", "org", "product", … */
    const char *filter_key; /* in `filter`: "tags", "people", … ; NULL where there is none */
};
extern const struct term_field_info term_fields[FIELD_COUNT];

/* The boolean term of a name in a field, appended to `out`: prefix, ":" where Omega wants one (multi-letter
 * prefix), the normalised name. Names of up to ARTICLE_NAME_MAX bytes can grow under NFKC: a term over 240
 * bytes is cut and ends in its hash, so that it stays unique and below Xapian's limit of 245. False if the
 * name is empty or not UTF-8. */
bool term_for_name(enum term_field field, const char *name, size_t length, struct buffer *out);

/* The kind of name that a term is of; NAME_KIND_COUNT if it is of no name. */
enum name_kind term_name_kind(const char *term, size_t length);

struct analysed_term {
    const char *text; /* with prefix; not NUL-terminated */
    uint32_t length;
    uint32_t body_count;       /* occurrences in summary and body (0 for boolean terms) */
    uint32_t title_count;      /* occurrences in the title */
    const uint32_t *positions; /* ascending; NULL for boolean terms */
    uint32_t position_count;
};

struct analysis {
    const struct analysed_term *terms; /* sorted by bytes; each once */
    size_t term_count;
    uint32_t length; /* words in title, summary and body: the document length of BM25 */
    const struct language *language;
    const struct signature *signature; /* of title, summary and body, from the stems in their order */
};

struct analyser;
struct analyser *analyser_new(void);
void analyser_free(struct analyser *analyser);
/* Normalised title, summary and body of the last analysis: borrowed. */
#define ANALYSER_TEXTS 3
const struct buffer *analyser_text(const struct analyser *analyser, size_t number);
/* Borrowed: for query parsing on the same thread. */
struct stemmer_set *analyser_stemmers(struct analyser *analyser);

/*
 * Positions: the title starts at 1; summary and body follow, each starting at the next multiple of 1000 plus
 * 1, so that no phrase crosses a field. A summary that the body starts with is not counted twice (compared
 * after normalisation). `default_language` is used for articles without one. Body words count from the first
 * ANALYSE_WORDS_MAX only.
 */
#define ANALYSE_WORDS_MAX 100000
void analyser_run(struct analyser *analyser, const struct article *article,
                  const struct language *default_language, struct analysis *analysis);

#endif
